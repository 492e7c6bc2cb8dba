"""What agents say to models: sets of texts as data, and the initial messages made of them."""

from understudy.agents.prompts.prompt_set import ObservationTexts, PromptRole, PromptSet, PromptSetName
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
    "ObservationTexts",
    "PromptRole",
    "PromptSet",
    "PromptSetName",
    "code_messages",
    "cot_messages",
    "fill",
    "observation_texts",
    "prompt_set",
    "prompts_hash",
    "read_own",
]
