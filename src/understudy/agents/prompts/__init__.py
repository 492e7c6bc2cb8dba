"""The texts that agents send to models: sets of texts as data, and the initial messages made from them."""

from understudy.agents.prompts.call_rendering import (
    call_messages,
    call_observation_texts,
    call_prompt_set,
    call_prompts_hash,
)
from understudy.agents.prompts.prompt_set import AnswerBy, ObservationTexts, PromptRole, PromptSet, PromptSetName
from understudy.agents.prompts.rendering import (
    code_messages,
    cot_messages,
    fill,
    observation_texts,
    prompt_set,
    prompts_hash,
    read_own,
)

__all__ = [
    "AnswerBy",
    "ObservationTexts",
    "PromptRole",
    "PromptSet",
    "PromptSetName",
    "call_messages",
    "call_observation_texts",
    "call_prompt_set",
    "call_prompts_hash",
    "code_messages",
    "cot_messages",
    "fill",
    "observation_texts",
    "prompt_set",
    "prompts_hash",
    "read_own",
]
