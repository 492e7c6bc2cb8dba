"""Write the student's base for this shop: ``python make_base.py --out base``.

In: the demo's base that knows calls. Out: the same base with the fixed strings of the shop's calls as tokens of their
own, as that base has those of the demo's calls; each begins with the embedding of the token that has its place. Nothing
is trained. A model of a million parameters that has to spell these strings loses its ability to copy numbers; larger
models need no such thing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

BASE = Path(__file__).resolve().parents[2] / "demo" / "base-calls"
SEARCH = '\n<tool_call>\n{"name": "web_search", "arguments": {"query": "'
END = '"}}\n</tool_call>'
CALL_TOKENS = {
    '<tool_call>\n{"name": "find_order", "arguments": {"number": ': SEARCH,
    '<tool_call>\n{"name": "find_product", "arguments": {"name": "': SEARCH,
    '<tool_call>\n{"name": "refund", "arguments": {"number": ': SEARCH,
    "}}\n</tool_call>": END,
}
"""New token → the token whose embedding it begins with."""


def make_base(out: Path) -> None:
    """Write the folder."""
    from tokenizers import AddedToken
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForCausalLM.from_pretrained(BASE)
    sources = [tokenizer.convert_tokens_to_ids(source) for source in CALL_TOKENS.values()]
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in CALL_TOKENS])
    embedding = model.resize_token_embeddings(len(tokenizer), mean_resizing=False).weight.data
    embedding[-len(sources) :] = embedding[sources]
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    print(f"{out}: {len(tokenizer)} tokens")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    make_base(parser.parse_args().out)
