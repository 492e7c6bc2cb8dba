"""Small tokenizers and small causal models, made on the spot, for the tests of all packages.

``save_tiny_model`` writes a folder that ``transformers`` loads as any other checkpoint. Its weights
are random: what such a model says means nothing, but it says the same thing each time.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.models.loading import without_peft_warning

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CHATML_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

_CORPUS = (
    "Thought: I should look up who wrote it.\n\nCode:\n" + "a paragraph\n\n" * 4,
    "```py\nresult = web_search('a question')\nprint(result)\n```<end_code>",
    "Observation: the answer is 42, and the other one is 17.\nfinal_answer(result)",
    "system user assistant You are a helpful assistant that writes Python code. What is six times seven?",
)


def tiny_tokenizer(
    special_tokens: Sequence[str] = CHATML_TOKENS,
    chat_template: str = CHATML,
    *,
    eos_token: str = "<|im_end|>",
    pad_token: str = "<|endoftext|>",
    bos_token: str | None = None,
    vocabulary: int = 400,
) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of ``vocabulary`` entries, as the Qwen and Llama 3 families use."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    words = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=eos_token,
        pad_token=pad_token,
        bos_token=bos_token,
        chat_template=chat_template,
        additional_special_tokens=[t for t in special_tokens if t not in (eos_token, pad_token, bos_token)],
    )


def save_tiny_model(
    folder: Path, *, seed: int = 0, max_tokens: int = 2048, scale: float = 0.2, hidden_size: int = 48
) -> Path:
    """Write a Qwen2 of about 0.1 M parameters with its tokenizer; return the folder.

    ``scale``: standard deviation of the initial weights; large enough that replies vary. ``hidden_size`` is that of
    four heads: vLLM has kernels for heads of 32, not of 12.
    """
    import torch
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    tokenizer = tiny_tokenizer()
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=max_tokens,
        tie_word_embeddings=True,
        initializer_range=scale,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen2ForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_tiny_adapter(model_folder: Path, folder: Path, *, seed: int = 1, scale: float = 0.3) -> Path:
    """Write a LoRA adapter for a tiny model; ``scale`` 0 makes one without effect. Return the folder."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(), without_peft_warning():
        torch.manual_seed(seed)
        base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
        model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=scale) if scale else torch.nn.init.zeros_(parameter)
    model.save_pretrained(folder)
    return folder


def changed(base: Path | str, folder: Path, change: Callable[[torch.nn.Module], None]) -> str:
    """Write a copy of a model to ``folder``, with weights that ``change`` has changed; return its path."""
    import torch
    from transformers import AutoModelForCausalLM

    shutil.copytree(base, folder)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        change(model)
    model.save_pretrained(folder)
    return str(folder)
