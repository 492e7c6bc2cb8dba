"""Calls from sandboxed code into the host's functions.

In: hostile ``call`` frames. Out: ``Answer`` frames and their ``ToolCall`` records. A pure function is asked once for
the same arguments within an episode, also when several branches ask at the same moment. Functions with effects are
never cached.
"""

from __future__ import annotations

import inspect
import json
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

from understudy.records import ToolCall
from understudy.sandbox.execution import HostFunction, HostState, SandboxError
from understudy.sandbox.inside.frames import Frame, FrameError, decode_value, encode_value

_MAX_ANSWER_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Call:
    """One call, checked and decoded."""

    name: str
    args: tuple[object, ...]
    kwargs: dict[str, object]
    key: str
    """The same for the same function and arguments."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a call: the frame for the code and the record for the trajectory."""

    frame: Frame
    record: ToolCall


class Calls:
    """The functions of one episode and their answers so far."""

    def __init__(
        self, functions: Mapping[str, HostFunction], state: HostState | None = None, trunk: Calls | None = None
    ) -> None:
        """``state``: what its functions act on. ``trunk``: the calls of the state that this is a branch of."""
        self.state = state
        self._functions = {**functions, **(state.functions if state else {})}
        self.is_branch = trunk is not None
        self._signatures: dict[str, inspect.Signature] = trunk._signatures if trunk else {}
        self._known: dict[str, Future[Frame]] = trunk._known if trunk else {}
        self._lock: threading.Lock = trunk._lock if trunk else threading.Lock()

    def of_branch(self) -> Calls:
        """The calls of one branch, on a fork of the host's state. Raises ``SandboxError``."""
        return self if self.state is None else Calls(self._functions, self.state.fork(), self)

    def known(self, names: object) -> tuple[str, ...]:
        """Those of ``names`` that name a function, ``final_answer`` too."""
        named = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
        return tuple(sorted(named & {*self._functions, "final_answer"}))

    def parse(self, frame: Frame) -> Call:
        """Raises ``FrameError`` if the frame names no function of this episode or carries no values."""
        name, args, kwargs = frame.get("name"), frame.get("args"), frame.get("kwargs")
        if not isinstance(name, str) or name not in self._functions:
            raise FrameError(f"no function of this episode is called {name!r:.60}")
        if not isinstance(args, list) or not isinstance(kwargs, list):
            raise FrameError("a call has a list of arguments and a list of keyword arguments")
        named: dict[str, object] = {}
        for pair in kwargs:
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
                raise FrameError("keyword arguments are pairs of a name and a value")
            named[pair[0]] = decode_value(pair[1])
        key = json.dumps([name, args, sorted(kwargs, key=lambda pair: str(pair[0]))])
        return Call(name, tuple(decode_value(a) for a in args), named, key)

    def is_pure(self, call: Call) -> bool:
        """Whether the answer depends on the arguments alone, and the call changes nothing."""
        return self._functions[call.name].pure

    def may_branch(self, call: Call) -> bool:
        """Whether this function may be called for an uncommitted branch."""
        return self.is_pure(call) or (self.is_branch and self.state is not None and call.name in self.state.functions)

    def answer(self, call: Call, then: Callable[[Answer], None]) -> None:
        """Find the answer and pass it to ``then``, in this thread or in the one that already looks for it.

        A ``SandboxError`` of the function is raised here.
        """
        if not self.is_pure(call):
            frame = self._ask(call)
            then(self._answer(call, frame, cached=False))
            return
        with self._lock:
            known = self._known.get(call.key)
            mine = known is None
            future: Future[Frame] = Future() if known is None else known
            self._known[call.key] = future
        if mine:
            self._fill(call, future)
        future.add_done_callback(lambda done: then(self._from_future(call, done, cached=not mine)))

    def _fill(self, call: Call, future: Future[Frame]) -> None:
        try:
            frame = self._ask(call)
        except BaseException as error:
            self._forget(call)
            future.set_exception(error)
            raise
        if frame["t"] == "raise":
            self._forget(call)  # the next call may succeed
        future.set_result(frame)

    def _forget(self, call: Call) -> None:
        with self._lock:
            self._known.pop(call.key, None)

    def _from_future(self, call: Call, done: Future[Frame], cached: bool) -> Answer:
        error = done.exception()
        frame = done.result() if error is None else _failure(_message(error))
        return self._answer(call, frame, cached)

    def _answer(self, call: Call, frame: Frame, cached: bool) -> Answer:
        error = str(frame["message"]) if frame["t"] == "raise" else None
        is_search = self._functions[call.name].is_search
        record = ToolCall(
            name=call.name, arguments=self._arguments(call), error=error, cached=cached, is_search=is_search
        )
        return Answer(frame, record)

    def _ask(self, call: Call) -> Frame:
        try:
            value = self._functions[call.name].call(*call.args, **call.kwargs)
        except SandboxError:
            raise
        except Exception as error:  # whatever a tool raises is an observation for the code that called it
            return _failure(_message(error))
        try:
            form = encode_value(value)
        except TypeError:
            form = str(value)
        if len(json.dumps(form)) > _MAX_ANSWER_BYTES:
            return _failure(f"{call.name} answered with more than {_MAX_ANSWER_BYTES} bytes")
        return {"t": "return", "value": form}

    def _signature(self, name: str) -> inspect.Signature:
        if name not in self._signatures:  # a fifth of the host's cost of a call, and always the same
            function = self._functions[name]
            self._signatures[name] = function.signature or inspect.signature(function.call)
        return self._signatures[name]

    def _arguments(self, call: Call) -> str:
        try:
            named: object = _by_name(self._signature(call.name).bind(*call.args, **call.kwargs))
        except (TypeError, ValueError):
            named = {"args": call.args, "kwargs": call.kwargs}
        return clean(json.dumps(_with_text_keys(named), ensure_ascii=False, default=str, allow_nan=False))[
            : self._functions[call.name].argument_chars
        ]


def _by_name(bound: inspect.BoundArguments) -> dict[str, object]:
    """Arguments as the call gave them, without defaults; those of ``**options`` stand beside the others."""
    named = dict(bound.arguments)
    for parameter in bound.signature.parameters.values():
        options = named.get(parameter.name)
        if parameter.kind is inspect.Parameter.VAR_KEYWORD and isinstance(options, dict):
            others = {name: value for name, value in named.items() if name != parameter.name}
            if not others.keys() & options.keys():
                named = others | options
    return named


def _with_text_keys(value: object) -> object:
    """JSON has no other keys, no sets, no NaN and no infinity."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _with_text_keys(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_with_text_keys(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def refusal(limit: int) -> Frame:
    """The answer to a call beyond the limit."""
    return _failure(f"this action has made its {limit} calls, no more are answered")


def _failure(message: str) -> Frame:
    return {"t": "raise", "message": message}


def _message(error: BaseException) -> str:
    """What the code reads. A ``ToolError`` arrives as a ``ToolError``, so its name is left out."""
    name = type(error).__name__
    return str(error) if name == "ToolError" else f"{name}: {error}"


def clean(text: str) -> str:
    """Text that can be written as UTF-8: lone surrogates become ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")
