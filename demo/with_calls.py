"""Teach the demo's base the form of JSON tool calls: ``python demo/with_calls.py --out demo/base-calls``.

In: the shipped base. Out: the same base with four tokens more and another chat template. The fixed strings of a call
are tokens of their own, as those of the code format are; each begins with the embedding of the code token that has its
place. Nothing is trained. The template names the tools in the system message, writes calls as Hermes and Qwen do, and
shows results as user turns; without tools it writes what the base's own writes.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

BASE = Path(__file__).resolve().parents[1] / "src" / "understudy" / "demo" / "base"
CALL_TOKENS = {
    '\n<tool_call>\n{"name": "web_search", "arguments": {"query": "': 'web_search("',
    '\n<tool_call>\n{"name": "python", "arguments": {"code": "': "Code:\n```py\n",
    '"}}\n</tool_call>': "\n```<end_code>",
    "\n\\boxed{": "final_answer(",
}
"""New token → the token whose embedding it begins with."""
CHAT_TEMPLATE = (
    "{% if tools and messages[0].role != 'system' %}{{ '<|im_start|>system\n' }}"
    "{% for tool in tools %}{{ ' ' + tool.function.name }}{% endfor %}{{ '<|im_end|>' + '\n' }}{% endif %}"
    "{% for message in messages %}"
    "{% if message.role == 'tool' %}"
    "{% if loop.first or loop.previtem.role != 'tool' %}{{ '<|im_start|>user' }}{% endif %}"
    "{{ '\n' + message.content }}"
    "{% if loop.last or loop.nextitem.role != 'tool' %}{{ '<|im_end|>' + '\n' }}{% endif %}"
    "{% else %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content }}"
    "{% if tools and message.role == 'system' %}"
    "{% for tool in tools %}{{ ' ' + tool.function.name }}{% endfor %}"
    "{% endif %}"
    "{% for call in message.tool_calls or [] %}"
    '{{ \'\n<tool_call>\n{"name": "\' + call.function.name + \'", "arguments": \' }}'
    "{{ call.function.arguments | tojson }}{{ '}\n</tool_call>' }}"
    "{% endfor %}"
    "{{ '<|im_end|>' + '\n' }}"
    "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def main() -> None:
    """Read the command line, write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    from tokenizers import AddedToken
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(BASE)
    model = AutoModelForCausalLM.from_pretrained(BASE)
    sources = [tokenizer.convert_tokens_to_ids(source) for source in CALL_TOKENS.values()]
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in CALL_TOKENS])
    tokenizer.chat_template = CHAT_TEMPLATE
    embedding = model.resize_token_embeddings(len(tokenizer), mean_resizing=False).weight.data
    embedding[-len(sources) :] = embedding[sources]
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    shutil.copyfile(BASE / "generation_config.json", out / "generation_config.json")
    print(f"{out}: {len(tokenizer)} tokens")


if __name__ == "__main__":
    main()
