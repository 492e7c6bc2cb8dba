"""E-mail addresses, and secrets such as API keys and tokens. In: a text. Out: spans."""

from __future__ import annotations

import re
from collections.abc import Iterator

from understudy.curation.cleaning.personal.detectors import Span
from understudy.registry import PartConfig

_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w+%-](?:[\w.+%'-]{0,62}[\w+%-])?@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w@-])"
)
_KEYS = re.compile(
    r"""(?<![\w-])(?:
      sk-(?:ant-|proj-|or-|svcacct-)?[A-Za-z0-9_-]{20,}       # OpenAI, Anthropic, OpenRouter
    | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}             # Stripe
    | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_\w{30,}         # GitHub
    | glpat-[\w-]{20,} | hf_[A-Za-z0-9]{30,} | npm_[A-Za-z0-9]{30,}
    | xox[abeprs]-[A-Za-z0-9-]{10,}                           # Slack
    | (?:AKIA|ASIA)[A-Z0-9]{16} | AIza[\w-]{35}               # Amazon, Google
    | eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}                   # JSON web tokens
    )(?![\w-])""",
    re.VERBOSE,
)
_KEY_BEGINNINGS = tuple(
    "sk- sk_ rk_ pk_ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- hf_ npm_ xox AKIA ASIA AIza eyJ".split()
)
_SECRET_WORDS = ("key", "token", "secret", "pass", "pwd", "bearer")
"""Most texts hold none of these, and looking for them is quick."""
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,9000}?(?:-----END [A-Z ]{0,30}KEY-----|\Z)", re.S
)
_NAMED_SECRET = re.compile(
    r"(?i)(?:api[ _-]?key|access[ _-]?key|access[ _-]?token|auth[ _-]?token|client[ _-]?secret|secret[ _-]?key|secret"
    r"|pass(?:word|wd|phrase)?|pwd|passwort|token|bearer)\b[\"']?\s*(?:is\s*:?|[:=]|\s)\s*[\"']?"
    r"(?P<value>[^\s\"'<>,;(){}\[\]]{8,})"
)


class EmailDetector:
    """Finds e-mail addresses."""

    name = "email"

    def __init__(self, config: PartConfig | None = None) -> None:
        pass

    def find(self, text: str) -> Iterator[Span]:
        """Where the text holds addresses."""
        if "@" in text:
            yield from (Span(*match.span()) for match in _EMAIL.finditer(text))


class KeyDetector:
    """Finds keys by the forms of well-known services, and values that are called a password, a token or a key."""

    name = "key"

    def __init__(self, config: PartConfig | None = None) -> None:
        pass

    def find(self, text: str) -> Iterator[Span]:
        """Where the text holds secrets."""
        if "PRIVATE KEY-----" in text:
            yield from (Span(*match.span()) for match in _PRIVATE_KEY.finditer(text))
        if any(one in text for one in _KEY_BEGINNINGS):
            yield from (Span(*match.span()) for match in _KEYS.finditer(text))
        lower = text.lower()
        for match in _NAMED_SECRET.finditer(text) if any(one in lower for one in _SECRET_WORDS) else ():
            value = match["value"].rstrip(".!?:")
            if len(value) >= 8 and _looks_secret(value):
                yield Span(match.start("value"), match.start("value") + len(value))


def _looks_secret(value: str) -> bool:
    """It mixes letters and digits, as words do not. Addresses and paths are not secrets."""
    return bool(re.search(r"\d", value) and re.search(r"[^\W\d_]", value)) and "://" not in value
