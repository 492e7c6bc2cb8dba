"""Make the demo's base: a small Qwen2 pretrained on generic text.

Run ``python demo/make_base.py --out src/understudy/demo/base``.

In: a seed and a number of steps. Out: a checkpoint directory that ``from_pretrained`` opens, and the figures of its
card on the way. The shipped base was made by this script with its defaults. Not here: the text (``corpus``), the
tokenizer (``tokenizer``), the first values (``weights``).
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from corpus import Turn, make_chat
from tokenizer import FORMAT_TOKENS, train_tokenizer
from weights import new_model

from understudy.tasks.toy import toy_passages, toy_tasks
from understudy.tasks.toy.arithmetic import parse_problem
from understudy.tasks.toy.names import SYLLABLES
from understudy.tasks.toy.questions import parse_fact
from understudy.tasks.toy.teacher import plan

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

VOCAB_SIZE = 1800
DECAY_STEPS = 2500
_FORMAT_TEXT = (
    "I look it up. The page says it. I compute it. The result is. "
    'system user assistant Answer with code thoughts and Python."))\n")\n'
)
_TOKENS_A_BATCH = 2048
_MAX_TOKENS = 420
_NAME = re.compile(rf"\b(?=[A-Z])(?i:{'|'.join(sorted(SYLLABLES, key=len, reverse=True))}){{2,}}\b")


@dataclass(frozen=True, slots=True)
class Chat:
    """One tokenised chat."""

    ids: list[int]
    trained: list[bool]
    """Which tokens are predicted: the replies and the ends of their turns."""


def main() -> None:
    """Read the command line, pretrain, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=9_000)
    parser.add_argument("--learning-rate", type=float, default=2.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    tokenizer, words = make_tokenizer(arguments.seed)
    model = new_model(len(tokenizer), tokenizer.eos_token_id, tokenizer.pad_token_id, arguments.seed)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{n_parameters:,} parameters, {len(tokenizer)} tokens", flush=True)
    pretrain(model, tokenizer, words, arguments)


def make_tokenizer(seed: int) -> tuple[PreTrainedTokenizerFast, list[str]]:
    """The tokenizer, and the ordinary words that it knows."""
    texts = list(_ordinary_text(seed))
    tokenizer = train_tokenizer(texts, VOCAB_SIZE)
    words = {word for text in texts for word in re.findall(r"[a-z]+|[A-Z][a-z]+", text)} - set(SYLLABLES)
    words -= {syllable.capitalize() for syllable in SYLLABLES}
    return tokenizer, sorted(words) + list(FORMAT_TOKENS)


def _ordinary_text(seed: int) -> Iterator[str]:
    """What merges are learnt from: syllables by themselves, and text with the names and the numbers taken out."""
    for syllable in SYLLABLES:
        yield from [f"{syllable}\n{syllable.capitalize()}\n"] * 2000
    for pair in range(100):
        yield from [f"{pair:02d}\n"] * 2000
    rng = Random(f"tokenizer {seed}")
    for _ in range(3000):
        system, turns = make_chat(rng, ["words"])
        yield _without_names("\n".join([system, *(text for turn in turns for text in turn)]))
    plans = []
    for task in toy_tasks("train", 600, seed):
        question = parse_fact(task.question) or parse_problem(task.question)
        plans += [task.question, plan(question)] if question else []
    for text in [*plans, *(passage.text for passage in toy_passages(seed)[:400])] * 3:
        yield _without_names(text)
    yield from [_FORMAT_TEXT] * 50


def _without_names(text: str) -> str:
    return re.sub(r"\d+", "", _NAME.sub("", text))


def tokenise(tokenizer: PreTrainedTokenizerFast, system: str, turns: list[Turn]) -> Chat:
    """A chat as ids and a mask, rendered as the chat template renders it."""
    pieces: list[tuple[str, bool]] = [(f"<|im_start|>system\n{system}<|im_end|>\n", False)] if system else []
    for turn in turns:
        pieces.append((f"<|im_start|>user\n{turn.user}<|im_end|>\n<|im_start|>assistant\n", False))
        pieces += [(f"{turn.assistant}<|im_end|>", True), ("\n", False)]
    ids: list[int] = []
    trained: list[bool] = []
    for text, is_trained in pieces:
        new = tokenizer.encode(text, add_special_tokens=False)
        ids += new
        trained += [is_trained] * len(new)
    return Chat(ids, trained)


def batches(tokenizer: PreTrainedTokenizerFast, words: list[str], rng: Random) -> Iterator[list[Chat]]:
    """Chats without end, in batches of like length and about ``_TOKENS_A_BATCH`` tokens."""
    while True:
        chats = [tokenise(tokenizer, *make_chat(rng, words)) for _ in range(256)]
        chats = sorted((chat for chat in chats if len(chat.ids) <= _MAX_TOKENS), key=lambda chat: len(chat.ids))
        grouped: list[list[Chat]] = [[]]
        for chat in chats:
            if (len(grouped[-1]) + 1) * len(chat.ids) > _TOKENS_A_BATCH:
                grouped.append([])
            grouped[-1].append(chat)
        rng.shuffle(grouped)
        yield from grouped


def loss_of(model: Qwen2ForCausalLM, batch: list[Chat], pad: int) -> tuple[torch.Tensor, float]:
    """Mean cross entropy over a batch's trained tokens, and the share of them that greedy decoding would get right."""
    import torch

    longest = max(len(chat.ids) for chat in batch)
    ids = torch.tensor([chat.ids + [pad] * (longest - len(chat.ids)) for chat in batch])  # (B, T)
    trained = torch.tensor([chat.trained + [False] * (longest - len(chat.ids)) for chat in batch])[:, 1:]
    hidden = model.model(ids, use_cache=False).last_hidden_state[:, :-1][
        trained
    ]  # (N, HIDDEN): right padding is never seen
    logits = hidden @ model.lm_head.weight.T
    wanted = ids[:, 1:][trained]
    right = (logits.argmax(-1) == wanted).float().mean().item()
    return torch.nn.functional.cross_entropy(logits, wanted), right


def pretrain(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast, words: list[str], settings: argparse.Namespace
) -> None:
    """AdamW with a short warm-up and a linear decay over the last steps; saves every twentieth of the way."""
    import torch

    n_steps: int = settings.steps
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 200, max(0.02, (n_steps - step) / DECAY_STEPS))
    )
    started, losses, rights = time.process_time(), [], []
    stream = batches(tokenizer, words, Random(f"pretraining {settings.seed}"))
    for step, batch in enumerate(islice(stream, n_steps), 1):
        loss, right = loss_of(model, batch, tokenizer.pad_token_id)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        rights.append(right)
        if step % 200 == 0:
            cpu_s = time.process_time() - started
            figures = {
                "step": step,
                "loss": sum(losses) / len(losses),
                "token_accuracy": sum(rights) / len(rights),
                "cpu_s": cpu_s,
            }
            print(json.dumps({key: round(value, 4) for key, value in figures.items()}), flush=True)
            losses, rights = [], []
        if step % max(1, n_steps // 20) == 0 or step == n_steps:
            model.save_pretrained(settings.out)
            tokenizer.save_pretrained(settings.out)


if __name__ == "__main__":
    main()
