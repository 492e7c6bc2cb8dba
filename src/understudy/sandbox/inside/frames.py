"""The protocol: length-prefixed frames of tagged JSON, and values inside them.

In: bytes from a peer that may lie. Out: frames, or ``FrameError``. A frame is a JSON object whose ``t`` names its
kind, preceded by its length in four bytes, most significant first. Everything is capped before it is parsed: size by
the caller, depth and the size of hashed collections here. Nothing is ever unpickled, and no value of a frame names a
type other than those listed in ``encode_value``.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Iterator

HEADER = struct.Struct("!I")
MAX_DEPTH = 40
MAX_HASHED = 4096
"""Members of a set, or of a dict with keys other than strings: integers can be made to collide."""
_SAFE_INT = 1 << 53

Frame = dict[str, object]


class FrameError(Exception):
    """The bytes are not a frame of this protocol."""


def pack(frame: Frame) -> bytes:
    """Bytes of one frame, header included."""
    body = json.dumps(frame, separators=(",", ":")).encode("ascii")
    return HEADER.pack(len(body)) + body


def parse(body: bytes) -> Frame:
    """The frame that ``body`` holds. Raises ``FrameError`` for anything else."""
    try:
        frame = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(frame, dict) or not isinstance(frame.get("t"), str):
        raise FrameError("a frame is an object with a text field 't'")
    return frame


class Assembler:
    """Cuts a stream of bytes into frames. A frame over ``max_bytes`` is an error before its body is read."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._buffer = bytearray()

    @property
    def n_waiting(self) -> int:
        """Bytes of an incomplete frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Append what came."""
        self._buffer += data

    def frames(self) -> Iterator[Frame]:
        """Take out all frames that are complete. Raises ``FrameError``."""
        at, buffer = 0, self._buffer
        try:
            while len(buffer) - at >= HEADER.size:
                (size,) = HEADER.unpack_from(buffer, at)
                if size > self.max_bytes:
                    raise FrameError(f"frame of {size} bytes, at most {self.max_bytes} are taken")
                if len(buffer) - at - HEADER.size < size:
                    break
                body = bytes(buffer[at + HEADER.size : at + HEADER.size + size])
                at += HEADER.size + size
                yield parse(body)
        finally:
            del buffer[:at]


def encode_value(value: object, depth: int = 0) -> object:
    """A JSON form of plain data: None, bool, int, float, str, bytes, list, tuple, set, frozenset, dict, and numpy's
    scalars and arrays as their plain counterparts. Raises ``TypeError`` for anything else.
    """
    if depth > MAX_DEPTH:
        raise TypeError(f"nested deeper than {MAX_DEPTH}")
    if value is None or isinstance(value, (bool, int, float, str, bytes, bytearray)):
        return _encode_scalar(value)
    if isinstance(value, list):
        return [encode_value(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {"dict": [[encode_value(k, depth + 1), encode_value(v, depth + 1)] for k, v in value.items()]}
    for tag, kind in (("tuple", tuple), ("set", set), ("frozenset", frozenset)):
        if isinstance(value, kind):
            return {tag: [encode_value(item, depth + 1) for item in value]}
    to_plain = getattr(value, "tolist", None)
    if type(value).__module__.startswith("numpy") and callable(to_plain):
        return encode_value(to_plain(), depth + 1)
    raise TypeError(f"a {type(value).__name__} cannot be passed, only plain data can")


def _encode_scalar(value: int | float | str | bytes | bytearray | None) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, int):
        return int(value) if -_SAFE_INT < value < _SAFE_INT else {"int": hex(value)}
    return float(value) if math.isfinite(value) else {"float": str(float(value))}


def decode_value(form: object, depth: int = 0) -> object:
    """The value that ``encode_value`` made this form of. Raises ``FrameError``."""
    if depth > MAX_DEPTH + 1:
        raise FrameError(f"nested deeper than {MAX_DEPTH}")
    if form is None or isinstance(form, (bool, int, float, str)):
        return form
    if isinstance(form, list):
        return [decode_value(item, depth + 1) for item in form]
    if not isinstance(form, dict) or len(form) != 1:
        raise FrameError("a tagged value has one tag")
    ((tag, body),) = form.items()
    try:
        return _decode_tagged(tag, body, depth + 1)
    except (TypeError, ValueError, binascii.Error) as error:
        raise FrameError(f"bad value under tag {tag!r:.40}: {type(error).__name__}") from None


def _decode_tagged(tag: str, body: object, depth: int) -> object:
    if tag in ("int", "float", "bytes"):
        if not isinstance(body, str):
            raise FrameError(f"tag {tag} holds text")
        if tag == "int":
            return int(body, 16)
        return float(body) if tag == "float" else base64.b64decode(body, validate=True)
    if tag not in ("tuple", "set", "frozenset", "dict") or not isinstance(body, list):
        raise FrameError(f"unknown tag {tag!r:.40}")
    if tag == "tuple":
        return tuple(decode_value(item, depth) for item in body)
    if tag == "dict":
        return _decode_dict(body, depth)
    if len(body) > MAX_HASHED:
        raise FrameError(f"a set of more than {MAX_HASHED}")
    members = [decode_value(item, depth) for item in body]
    return set(members) if tag == "set" else frozenset(members)


def _decode_dict(body: list[object], depth: int) -> dict[object, object]:
    pairs = [pair for pair in body if isinstance(pair, list) and len(pair) == 2]
    if len(pairs) != len(body):
        raise FrameError("a dict is a list of pairs")
    if len(pairs) > MAX_HASHED and not all(isinstance(pair[0], str) for pair in pairs):
        raise FrameError(f"a dict of more than {MAX_HASHED} keys that are not all text")
    return {decode_value(key, depth): decode_value(value, depth) for key, value in pairs}
