"""Runs actions in an episode's process, one after another in one namespace, and forks when the host asks for it.

In: ``run`` and ``branch`` frames. Out: ``out``, ``call``, ``import``, ``done`` and ``branched`` frames. The code
can tamper with everything in this process, so nothing here is a defence: this is for clear errors and for state that is
kept if possible.

An action is stopped, by ``final_answer`` or by the time-out signal, with an exception that ``except Exception`` does
not catch. In code that catches everything it is raised again at each next line, until the runner catches it.
"""

from __future__ import annotations

import ast
import builtins
import gc
import linecache
import os
import random
import signal
import sys
import types
from collections.abc import Callable

from . import lockdown
from .answers import answer_text
from .errors import cut, describe, text_of
from .frames import Frame, decode_value, encode_value
from .imports import ForbiddenImportError
from .pipe import Pipe
from .printed import Printed
from .stop import FinalAnswer, SoftTimeout, Stop
from .warned import Warned

FunctionType = Callable[..., object]


class ToolError(RuntimeError):
    """A function of the host raised an exception."""


class Runner:
    """The loop of one episode process and the state of its code."""

    def __init__(self, pipe: Pipe, functions: list[str], seed: int) -> None:
        self._pipe = pipe
        self._zygote = os.getppid()
        self._dies_with_zygote = True
        self._printed = Printed(pipe)
        self._running = False
        self._stop = Stop()
        self._answer: str | None = None
        self._n_actions = self._limit = 0
        main = types.ModuleType("__main__")
        self._tools = {name: self._make_function(name) for name in functions}
        self._tools["final_answer"] = self._make_final_answer()
        main.__dict__.update(__builtins__=builtins, **self._tools)
        sys.modules["__main__"] = main
        builtins.input = _refuse_input
        self._namespace = main.__dict__
        self._warned = Warned()
        signal.signal(signal.SIGXCPU, self._on_alarm)
        _seed_everything(seed)

    def serve(self) -> None:
        """Serve the host until it closes the connection."""
        while True:
            frame, descriptors = self._pipe.receive()
            if frame["t"] == "run":
                self._run(frame)
            elif frame["t"] == "branch":
                self._branch(frame, descriptors)

    # --- branching ----------------------------------------------------------------------------

    def _branch(self, frame: Frame, descriptors: list[int]) -> None:
        """Fork once for each descriptor, and run one job in each fork. Only the parent reaches the end of this.

        Work that the parent does once is saved in every branch, where each page that is written to must be copied.
        """
        jobs = frame["jobs"]
        assert isinstance(jobs, list)
        _reap_children()
        pipes = [Pipe(descriptor) for descriptor in descriptors]
        gc.freeze()  # the branches' garbage collectors leave existing objects alone, so their pages stay shared
        n_forked = 0
        for index, (pipe, job) in enumerate(zip(pipes, jobs, strict=True)):
            pid = lockdown.fork()
            if pid == 0:
                self._become_branch(pipe, pipes[index + 1 :])
                self._run(job)
                return
            pipe.close()  # if there was no fork, the host sees it close
            n_forked += pid > 0
        self._pipe.send({"t": "branched", "n": n_forked})

    def _become_branch(self, pipe: Pipe, others: list[Pipe]) -> None:
        """Keep one of the connections, and send the first frame before anything else."""
        self._dies_with_zygote = False
        self._pipe.close()
        for other in others:
            other.close()
        self._pipe = self._printed.pipe = pipe
        pipe.send_hello()

    def ask(self, question: Frame) -> Frame:
        """Ask the host on this process's own connection, which in a branch is not the one of its parent."""
        return self._pipe.ask(question)

    # --- one action ---------------------------------------------------------------------------

    def _run(self, frame: Frame) -> None:
        if (
            not self._dies_with_zygote and os.getppid() == self._zygote
        ):  # the zygote adopts a branch whose parent is gone
            lockdown.die_with_parent()
            self._dies_with_zygote = True
        self._n_actions += 1
        name = f"<action {self._n_actions}>"
        source = str(frame["code"])
        limit = frame["output_chars"]
        self._limit = limit if isinstance(limit, int) else 0
        self._printed.begin(self._limit)
        self._warned.begin(self._namespace)
        sys.stdout = sys.stderr = self._printed  # also if an earlier action put something else there
        self._stop = Stop()
        self._answer = None
        result: Frame
        try:
            self._running = True
            result = self._attempt(source, name)
            self._running = False
        except BaseException as error:
            self._running = False
            sys.settrace(None)
            result = self._failure(error, name)
        sys.settrace(None)
        final: str | None = self._answer
        if final is not None:
            result = {"status": "ok", "final": final}
        elif isinstance(self._stop.reason, SoftTimeout) and result["status"] == "ok":
            result = {"status": "timeout"}
        result["restored"] = self._restore_names()
        self._printed.flush()
        self._pipe.send({"t": "done", "number": frame["number"], "dropped": self._printed.dropped, **result})

    def _attempt(self, source: str, name: str) -> Frame:
        """Everything in which the action's code may run, also finalizers of the value and of the error's frames."""
        try:
            value = self._execute(source, name)
            return {"status": "ok"} if value is None else {"status": "ok", "value": cut(text_of(value), self._limit)}
        except Exception as error:
            return self._failure(error, name)

    def _execute(self, source: str, name: str) -> object:
        """Run the statements, and give the value of the last one if that is an expression."""
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec", dont_inherit=True), self._namespace)
        if not isinstance(last, ast.Expr):
            return None
        expression = ast.Expression(last.value)
        return eval(compile(expression, name, "eval", dont_inherit=True), self._namespace)

    def _restore_names(self) -> list[str]:
        """Give the tools their names back; which ones the code had bound to something else, or deleted."""
        lost = [name for name, tool in self._tools.items() if self._namespace.get(name) is not tool]
        self._namespace.update(self._tools, __builtins__=builtins, __name__="__main__")
        return lost

    def _failure(self, error: BaseException, name: str) -> Frame:
        if isinstance(error, FinalAnswer):
            return {"status": "ok"}
        if isinstance(error, SystemExit) and error.code in (None, 0):
            return {"status": "ok"}
        if isinstance(error, SoftTimeout):
            return {"status": "timeout", "error": describe(error, name)}
        status = "error"
        if isinstance(error, MemoryError):
            status = "memory"
        elif isinstance(error, (PermissionError, ForbiddenImportError)):
            status = "violation"
        return {"status": status, "name": type(error).__name__, "error": describe(error, name)}

    # --- stopping -----------------------------------------------------------------------------

    def _on_alarm(self, number: int, frame: types.FrameType | None) -> None:  # noqa: ARG002
        if not self._running:
            return
        reason = self._stop.reason or SoftTimeout("time is up")
        self._printed.mute()
        self._stop.keep_raising(reason, Runner._execute.__code__)
        if self._pipe.busy:
            self._pipe.deferred = reason
        else:
            raise reason

    def _make_final_answer(self) -> FunctionType:
        def final_answer(answer: object) -> None:
            """Give ``answer`` as the result. Nothing after this call is run."""
            reason = self._stop.reason
            if reason is None:
                self._answer = cut(answer_text(answer), self._limit)
                reason = FinalAnswer("final_answer")
                self._printed.mute()
            self._stop.keep_raising(reason, Runner._execute.__code__)
            raise reason

        final_answer.__qualname__ = "final_answer"
        return final_answer

    # --- functions of the host ----------------------------------------------------------------

    def _make_function(self, name: str) -> FunctionType:
        def function(*args: object, **kwargs: object) -> object:
            if self._stop.reason is not None:
                raise self._stop.reason
            self._printed.flush()
            frame: Frame = {
                "t": "call",
                "name": name,
                "args": [encode_value(a) for a in args],
                "kwargs": [[k, encode_value(v)] for k, v in kwargs.items()],
            }
            answer = self._pipe.ask(frame)
            if answer["t"] == "return":
                return decode_value(answer["value"])
            raise ToolError(str(answer["message"]))

        function.__name__ = function.__qualname__ = name
        return function


def _refuse_input(prompt: object = "", /) -> str:  # noqa: ARG001
    raise EOFError("input() has nobody to ask here: take the values from the task")


def _reap_children() -> None:
    """Collect branches that have died; the host has already read how."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _seed_everything(seed: int) -> None:
    """Seed every generator from ``seed``; ``os.urandom``, which has no seed, is replaced by a seeded stream."""
    random.seed(seed)
    unseeded = random.Random(seed ^ 0x5EED)
    os.urandom = unseeded.randbytes
    random._urandom = unseeded.randbytes  # type: ignore[attr-defined]
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(seed % (1 << 32))
