"""What llama.cpp's server does differently in its replies, as observed with a real one.

In: a parsed reply. Out: token counts, token ids and texts as other servers send them. Its replies are known by their
``timings``. Not here: starting it (``llama_cpp_process``); refusals (``dialect``).
"""

from __future__ import annotations

from understudy.models.wire import WireChoice, WireReply


def token_ids(choice: WireChoice) -> tuple[int, ...] | None:
    """The ids of a reply's tokens: those that the server states, or those beside its log-probabilities.

    llama.cpp states the latter only. They lack the tokens of a stop string, and the first tokens of a character that
    several tokens spell; therefore they count only if they spell the reply.
    """
    if choice.token_ids is not None:
        return choice.token_ids
    ids = choice.logprobs.ids
    spelled = "".join(choice.logprobs.tokens)
    return ids if ids and spelled == choice.reply_text else None


def token_counts(reply: WireReply) -> list[int]:
    """Completion tokens of each choice. Servers count them together; without token ids, the sum is divided equally.

    llama.cpp counts those of the first of n choices only; those of the others are estimated by their length.
    """
    counted = reply.usage.completion_tokens
    known = [len(token_ids(choice) or choice.token_logprobs or ()) for choice in reply.choices]
    if len(known) == 1:
        return [counted or known[0]]
    if all(known):
        return known
    if reply.is_from_llama_cpp:
        per_character = counted / max(1, len(reply.choices[0].reply_text))
        return [counted] + [round(per_character * len(choice.reply_text)) for choice in reply.choices[1:]]
    share, left = divmod(counted, len(known))
    return [share + (number < left) for number in range(len(known))]


def without_echo(reply: WireReply, prefix: str) -> WireReply:
    """The reply without the continued message, which llama.cpp repeats before its continuation."""
    if not reply.is_from_llama_cpp or not prefix:
        return reply
    return reply.model_copy(update={"choices": tuple(_without(choice, prefix) for choice in reply.choices)})


def _without(choice: WireChoice, prefix: str) -> WireChoice:
    message = choice.message
    if message is None or not message.content.startswith(prefix):
        return choice
    shorter = message.model_copy(update={"content": message.content.removeprefix(prefix)})
    return choice.model_copy(update={"message": shorter})
