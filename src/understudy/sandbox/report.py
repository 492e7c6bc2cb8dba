"""The isolation that is really active, tested in a scratch episode and not read from configuration.

In: an episode of a sandbox that is being opened. Out: an ``IsolationReport``. Each probe does by ``ctypes`` what
hostile code would do, and reports the kernel's answer.
"""

from __future__ import annotations

import json
from typing import Protocol

from understudy.records import Record
from understudy.sandbox.config import Level
from understudy.sandbox.execution import Execution, SandboxError
from understudy.sandbox.inside.frames import Frame


class Protection(Record):
    """One thing that code must not be able to do."""

    name: str
    active: bool
    tried: str
    """The test and its result."""
    required: bool = True
    """Without it the level is refused."""


class IsolationReport(Record):
    """The protections of a level on this machine."""

    level: Level
    available: bool = True
    refusal: str = ""
    """Why there is no sandbox of this level here."""
    protections: tuple[Protection, ...] = ()

    @property
    def missing(self) -> tuple[Protection, ...]:
        """Required protections that are not active."""
        return tuple(p for p in self.protections if p.required and not p.active)


class Runs(Protocol):
    """An episode, as far as probing needs one."""

    def run(self, code: str) -> Execution: ...


# Name and expression; the expression raises OSError if the kernel refuses. It must do no harm if it succeeds.
_PROBES = (
    ("files cannot be read", "os.close(os.open('/proc/version', os.O_RDONLY))"),
    ("files cannot be written", "os.close(os.open('/dev/null', os.O_WRONLY))"),
    ("files cannot be seen", "os.stat('/')"),
    ("directories cannot be listed", "os.listdir('/')"),
    ("no network socket", "_socket.socket(2, 1).close()"),
    ("no local socket", "_socket.socket(1, 1).close()"),
    ("no new process", "_quit_child(os.fork())"),
    ("no thread", "_thread.start_new_thread(int, ())"),
    ("no other program", "os.execv('/no-such-program', ['x'])"),
    ("no signal to others", "os.kill(os.getppid(), 0)"),
    ("no limits of others", "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)"),
    ("no leaving the group", "os.setpgid(0, 0)"),
    ("no executable memory", "_call('mmap', None, 4096, 7, 0x22, -1, 0)"),
    ("no memory files", "os.close(os.memfd_create('x'))"),
    ("no tracing", "_call('ptrace', 0x7777, 0, None, None)"),
    ("no io_uring", "_call('syscall', 425, 1, None)"),
)
_PROBE_CODE = """
def _probe(probes):
    load = lambda name: __import__(name, {})
    space = {name: load(name) for name in ("os", "_socket", "_thread", "resource")}
    ctypes, os, errno, json = load("ctypes"), space["os"], load("errno"), load("json")
    libc = ctypes.CDLL(None, use_errno=True)
    def call(name, *arguments):
        function = getattr(libc, name)
        function.restype = ctypes.c_long
        if function(*arguments) == -1:
            raise OSError(ctypes.get_errno(), "refused")
    def quit_child(pid):
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    space.update(_call=call, _quit_child=quit_child)
    found = {}
    for name, expression in probes:
        try:
            eval(expression, space)
            found[name] = "it worked"
        except OSError as error:
            found[name] = errno.errorcode.get(error.errno, str(error.errno))
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return json.dumps(found)
"""
_REFUSALS = ("EPERM", "EACCES", "RuntimeError: can't start new thread")


def probe(level: Level, ready: Frame, episode: Runs) -> IsolationReport:
    """Try everything in ``episode``, whose sandbox's zygote said ``ready``. Raises ``SandboxError`` if trying
    fails.
    """
    execution = episode.run(f"{_PROBE_CODE}\nfinal_answer(_probe({_PROBES!r}))")
    if execution.final_answer is None:
        raise SandboxError(f"the isolation could not be tried: {execution.status.value}: {execution.error}")
    found = json.loads(execution.final_answer)
    tried = [
        Protection(name=name, active=found[name] in _REFUSALS, tried=f"{expression}: {found[name]}")
        for name, expression in _PROBES
    ]
    return IsolationReport(level=level, protections=(*tried, *_zygote_protections(level, ready)))


def _zygote_protections(level: Level, ready: Frame) -> tuple[Protection, ...]:
    """What can be tried only before the filters are on, when no model-written code has run."""
    protections = ready.get("protections")
    taken = protections if isinstance(protections, list) else []
    is_isolated = level is not Level.RLIMITS
    return (
        Protection(name="no new privileges", active="no_new_privs" in taken, tried="prctl", required=is_isolated),
        Protection(name="no capabilities", active="capabilities" in taken, tried="capset", required=is_isolated),
        Protection(
            name="Landlock, a second wall before files, TCP and signals",
            active=ready.get("landlock") == "EACCES",
            tried=f"ABI {ready.get('landlock_abi')}; reading / in the zygote: {ready.get('landlock')}",
            required=False,
        ),
    )
