"""The zygote: a bare interpreter that loads libraries once, drops its privileges, and forks an episode on request.

In: a control socket (argument: its descriptor) with one ``open`` frame, then ``episode``, ``reap`` and ``end``
frames. Out: one ``ready`` frame. It never runs model-written code. When the host closes the connection or dies,
every descendant is killed.

A group is one episode with its branches: one process group, which they cannot leave. Its root stays a zombie
until the group ends, so that its number is not reused while the group may still be killed.
"""

from __future__ import annotations

import _sitebuiltins
import builtins
import contextlib
import errno
import gc
import importlib
import os
import select
import signal
import sys
import types

from . import imports, lockdown, seccomp
from .frames import Frame
from .pipe import Pipe
from .runner import Runner

_REAP_EVERY_MS = 20
_REAP_TRIES = 50
_ISOLATED = ("kernel", "docker")
_COMPANIONS = {
    "datetime": ("_strptime",),
    "numpy": (
        *("numpy.fft", "numpy.linalg", "numpy.ma", "numpy.polynomial", "numpy.random", "unicodedata"),
        *("numpy.char", "numpy.ctypeslib", "numpy.f2py", "numpy.rec", "numpy.strings", "numpy.testing", "numpy.typing"),
    ),
    "sympy": (
        *("sympy.assumptions.wrapper", "sympy.codegen.ast", "sympy.combinatorics", "sympy.integrals.heurisch"),
        *("sympy.integrals.manualintegrate", "sympy.integrals.risch", "sympy.physics.units.systems.si"),
        *("sympy.sets.handlers.functions", "sympy.sets.handlers.issubset", "sympy.sets.setexpr", "sympy.stats"),
        "sympy.tensor.tensor",
    ),
}
"""Libraries load these lazily. An episode could not load them if they are C extensions, and each episode would
compile them again if they are not.
"""


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0


def _load(name: str) -> None:
    """Import a module. ``asyncio`` goes without what opens connections and starts programs, which it could not do."""
    if name != "asyncio" or name in sys.modules:
        importlib.import_module(name)
        return
    programs = types.ModuleType("subprocess")
    vars(programs).update(PIPE=-1, STDOUT=-2, DEVNULL=-3)
    withheld = {name: stub for name, stub in (("ssl", None), ("subprocess", programs)) if name not in sys.modules}
    sys.modules.update(withheld)  # type: ignore[arg-type]  # None: as if there were no such module
    importlib.import_module(".event_loop", __package__).install()
    for other in withheld:
        del sys.modules[other]


class Zygote:
    """The loop that forks, reaps and, in the end, kills."""

    def __init__(self, control: Pipe, descriptor: int, opening: Frame) -> None:
        self._control = control
        self._descriptor = descriptor
        self._is_isolated = opening["level"] in _ISOLATED
        self._allowed = frozenset(_strings(opening["imports"]))
        self._address_space = 0
        self._groups: set[int] = set()
        self._dying: dict[int, int] = {}
        self._ending: set[int] = set()

    def prepare(self, preload: list[str]) -> Frame:
        """Load the libraries, lock down, and report the result."""
        of_library = sorted(name for name in self._allowed if name.partition(".")[0] in sys.stdlib_module_names)
        for name in [*preload, *of_library]:
            _load(name)
            for companion in _COMPANIONS.get(name, ()):
                with contextlib.suppress(ImportError):  # not in this version
                    importlib.import_module(companion)
        not_loaded = self._allowed - sys.modules.keys()
        builtins.exit = _sitebuiltins.Quitter("exit", "")
        builtins.quit = _sitebuiltins.Quitter("quit", "")
        n_threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1  # noqa: PTH208, PTH112
        lockdown.become_zygote()
        lockdown.first_to_go_when_memory_is_short()
        imports.cut_off_from_files()
        imports.guard_imports(self._allowed)
        gc.collect()
        lockdown.use_huge_pages()
        self._address_space = lockdown.address_space_bytes()
        protections: list[str] = []
        landlock_abi = 0
        if self._is_isolated:
            protections = lockdown.give_up_privileges()
            landlock_abi = lockdown.restrict_files_and_network()
        gc.freeze()
        return {
            "t": "ready",
            "version": list(sys.version_info[:2]),
            "modules": sorted({name.partition(".")[0] for name in sys.modules}),
            "libraries": [[n, str(getattr(sys.modules[n], "__version__", ""))] for n in preload if n in sys.modules],
            "not_loaded": sorted(not_loaded),
            "threads": n_threads,
            "protections": protections,
            "landlock_abi": landlock_abi,
            "landlock": _try_files(),
        }

    def serve(self) -> None:
        """Handle requests until the host closes the connection."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while True:
            waiting = bool(self._dying or self._ending)
            if poll.poll(_REAP_EVERY_MS if waiting else None):
                frame, descriptors = self._control.receive()
                self._handle(frame, descriptors)
            self._reap()

    def _handle(self, frame: Frame, descriptors: list[int]) -> None:
        if frame["t"] == "episode":
            self._fork(frame, descriptors[0])
        elif frame["t"] == "reap":
            self._dying[_integer(frame["pid"])] = _REAP_TRIES
        elif frame["t"] == "end":
            self._end(_integer(frame["pid"]))

    # --- starting episodes --------------------------------------------------------------------

    def _fork(self, frame: Frame, descriptor: int) -> None:
        me = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # no memory, no process numbers: the host sees its socket close
            os.close(descriptor)
            return
        if pid == 0:
            _run_episode(self._make_episode, frame, descriptor, me)
        os.close(descriptor)
        self._groups.add(pid)
        with contextlib.suppress(OSError):  # the child may have been quicker
            os.setpgid(pid, pid)

    def _make_episode(self, frame: Frame, descriptor: int, parent: int) -> Runner:
        """Everything between the fork and the first frame, in the child."""
        os.setpgid(0, 0)
        lockdown.die_with_parent()
        if os.getppid() != parent:
            raise EOFError("the zygote died first")
        self._control.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        pipe = Pipe(descriptor)
        if self._address_space:
            lockdown.limit_resources(self._address_space + _integer(frame["memory_bytes"]))
        runner = Runner(pipe, _strings(frame["functions"]), _integer(frame["seed"]))
        sys.meta_path.append(imports.Broker(runner.ask))
        if self._is_isolated:
            _enter_filters(pipe)
        else:
            pipe.send({"t": "hello"})
        gc.enable()
        return runner

    # --- ending them -----------------------------------------------------------------------

    def _end(self, root: int) -> None:
        if root in self._groups:
            self._groups.discard(root)
            self._ending.add(root)
            _kill_group(root)

    def _reap(self) -> None:
        for pid, tries in tuple(self._dying.items()):
            if tries == 0 or pid in self._groups or pid in self._ending or _is_gone(pid):
                del self._dying[pid]  # what is left of it goes when its group ends
            else:
                self._dying[pid] = tries - 1
        for root in tuple(self._ending):
            while True:
                _kill_group(root)
                try:
                    dead = os.waitid(os.P_PGID, root, os.WEXITED | os.WNOHANG)
                except ChildProcessError:
                    self._ending.discard(root)
                    break
                if dead is None:
                    break

    def kill_all(self) -> None:
        """Kill every process of every episode."""
        for root in self._groups | self._ending:
            _kill_group(root)
        while True:
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return


def _enter_filters(pipe: Pipe) -> None:
    machine = os.uname().machine
    try:
        listener = seccomp.install(seccomp.fork_filter(machine), listener=True)
    except OSError:  # EBUSY: a container's filter already has a listener. No forks, then: the host replays instead.
        pipe.send({"t": "hello"})
        seccomp.install(seccomp.allowlist(machine, fork=False))
        return
    pipe.send({"t": "hello"}, listener)
    os.close(listener)
    seccomp.install(seccomp.allowlist(machine, fork=True))


def _run_episode(make: object, frame: Frame, descriptor: int, parent: int) -> None:
    """Run an episode until it ends. Does not return: the interpreter's clean-up could run the episode's code."""
    try:
        assert callable(make)
        make(frame, descriptor, parent).serve()
    except (EOFError, OSError):
        os._exit(0)
    except BaseException:
        os._exit(70)
    os._exit(0)


def _try_files() -> str:
    """The kernel's answer to reading the root directory, before any filter is active."""
    try:
        os.close(os.open("/", os.O_RDONLY))
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return "it worked"


def _kill_group(root: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(root, signal.SIGKILL)


def _is_gone(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is not None
    except ChildProcessError:
        return False  # still the child of a process that is dying itself


def main(descriptor: int) -> None:
    """Serve the host on ``descriptor``. The process ends with this call."""
    gc.disable()
    os.setsid()
    control = Pipe(descriptor)
    opening, _ = control.receive()
    sys.path[:] = _strings(opening["path"]) or sys.path
    zygote = Zygote(control, descriptor, opening)
    try:
        ready = zygote.prepare(_strings(opening["preload"]))
    except Exception as error:
        ready = {"t": "failed", "error": f"{type(error).__name__}: {error}"}
    control.send(ready)
    try:
        zygote.serve()
    except (EOFError, OSError):
        pass
    finally:
        zygote.kill_all()
        os._exit(0)
