# ruff: noqa: E501 - code in one line
"""The level demanded is the level given, or a refusal with the reason; and the report says what was tried."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from understudy import sandbox as package
from understudy.sandbox import (
    IsolationError,
    Level,
    Limits,
    Sandbox,
    SandboxConfig,
    SandboxError,
    docker,
    open_sandbox,
    sandbox_report,
)
from understudy.sandbox.config import PAPER_IMPORTS, STANDARD_IMPORTS, Rollback

HUGE_PAGE = 2 << 20


def test_the_exported_names_exist() -> None:
    assert all(hasattr(package, name) for name in package.__all__)


def test_the_kernel_level_is_complete(light_sandbox: Sandbox) -> None:
    report = light_sandbox.report()
    assert report.available
    assert report.missing == ()
    assert len(report.protections) >= 15


def test_the_rlimits_level_says_that_it_protects_nothing() -> None:
    report = sandbox_report(Level.RLIMITS)
    held = {p.name for p in report.protections if p.active}
    assert report.available
    assert {"files cannot be read", "no network socket", "no new process", "no thread"} & held == set()
    assert len(report.missing) >= 10


def test_the_docker_level_is_refused_where_there_is_no_engine() -> None:
    report = sandbox_report(Level.DOCKER)
    assert not report.available
    assert "docker_image" in report.refusal
    with pytest.raises(IsolationError, match="docker"):
        Sandbox(preload=(), level=Level.DOCKER, docker_image="understudy-no-such-image:0")


def test_the_docker_command_confines(tmp_path: Path) -> None:
    command = docker.command("python:3.11", {"A": "b"}, tmp_path)
    for option in ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--env=A=b"):
        assert option in command
    assert command.index("python:3.11") > command.index("--entrypoint=python3")


def test_a_kernel_without_seccomp_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A zygote whose filters do not take hold gives no episode: the sandbox fails closed."""
    code = (
        "import understudy.sandbox.launcher as l\n"
        "l.BOOT = l.BOOT.replace('from inside.zygote', 'import inside.seccomp as s; s.install = lambda *a, **k: 1/0; from inside.zygote')\n"
        "from understudy.sandbox import Sandbox\nSandbox(preload=())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "SandboxError" in done.stderr
    assert done.returncode != 0


def test_a_filter_with_a_hole_is_refused() -> None:
    code = (
        "import understudy.sandbox.launcher as l\n"
        "l.BOOT = l.BOOT.replace('from inside.zygote', 'import inside.seccomp as s; s.NUMBERS[\"socket\"] = (41, 198); from inside.zygote')\n"
        "from understudy.sandbox import Sandbox\nSandbox(preload=())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "IsolationError" in done.stderr
    assert "socket" in done.stderr


def test_configs_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ValidationError):
        SandboxConfig.model_validate({"levle": "kernel"})
    with pytest.raises(ValidationError):
        SandboxConfig.model_validate({"limits": {"cpu": 3}})
    with pytest.raises(ValidationError):
        Limits(cpu_s=0)
    config = SandboxConfig.model_validate({"limits": {"cpu_s": 3}, "preload": []})
    with open_sandbox(config) as sandbox, sandbox.episode() as episode:
        assert episode.run("1 + 1").value == "2"


def test_a_library_that_cannot_be_loaded_is_named() -> None:
    with pytest.raises(ValidationError, match="there is no module 'no_such_library'"):
        Sandbox(preload=("no_such_library",))
    removed_since = SandboxConfig(preload=()).model_copy(update={"preload": ("no_such_library",)})
    with pytest.raises(SandboxError, match="no_such_library"):
        open_sandbox(removed_since)


def test_every_allowed_module_can_be_imported(sandbox: Sandbox, strict_sandbox: Sandbox) -> None:
    for opened, names in ((sandbox, (*STANDARD_IMPORTS, "numpy", "sympy", "mpmath")), (strict_sandbox, PAPER_IMPORTS)):
        with opened.episode() as episode:
            for name in names:
                assert episode.run(f"import {name}").error == ""


def test_one_word_names_a_list_of_imports() -> None:
    standard = SandboxConfig().imports
    assert {*STANDARD_IMPORTS, "numpy", "sympy", "mpmath"} == set(standard)
    assert SandboxConfig.model_validate({"imports": "standard"}).imports == standard
    assert SandboxConfig.model_validate({"imports": "paper"}).imports == PAPER_IMPORTS
    assert SandboxConfig.model_validate({"imports": ["paper"]}).imports == PAPER_IMPORTS
    assert SandboxConfig.model_validate({"imports": ["paper", "json"]}).imports == (*PAPER_IMPORTS, "json")
    assert SandboxConfig.model_validate({"imports": ["json", "math"]}).imports == ("json", "math")
    light = SandboxConfig.model_validate({"preload": [], "imports": "paper"})
    assert set(PAPER_IMPORTS) - set(light.imports) == {"numpy", "sympy"}, "what is not loaded cannot be imported"
    assert SandboxConfig(preload=()).imports == tuple(sorted(STANDARD_IMPORTS))
    assert "pandas" in SandboxConfig(preload=("pandas",)).imports
    again = SandboxConfig.model_validate(light.model_dump())
    assert again == light
    for wrong in (3, {"math": 1}, [3]):
        with pytest.raises(ValidationError, match="imports"):
            SandboxConfig.model_validate({"imports": wrong})


@pytest.mark.parametrize("name", ["no_such_module", "Paper"])
def test_an_import_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=rf"expected standard, paper or names of modules; .* no module '{name}'"):
        SandboxConfig(preload=(), imports=("math", name))


@pytest.mark.parametrize("name", ["pandas", "numpy"])
def test_an_import_that_nothing_loads_is_named(name: str) -> None:
    with pytest.raises(SandboxError, match=rf"sandbox.imports: '{name}' is neither of the standard library nor loaded"):
        Sandbox(preload=(), imports=("math", name))


@pytest.mark.parametrize(
    "code",
    ["import os", "from socket import socket", "from urllib import request", "import urllib.request", "import pandas"],
)
def test_other_imports_are_refused_in_a_sentence(code: str, light_sandbox: Sandbox) -> None:
    with light_sandbox.episode() as episode:
        execution = episode.run(code)
        assert execution.error_name == "ForbiddenImportError"
        assert "without files, network, processes and threads; what can be imported: abc, array" in execution.error
        assert episode.run("from urllib import parse\nparse.quote('a b')").value == "a%20b"


@pytest.mark.skipif(os.getuid() != 0, reason="is the plain user already")
def test_the_suite_passes_as_a_plain_user() -> None:
    """Escapes, branches, lifetimes and levels again, as nobody: no capability, no file of root's."""
    script = (
        "import os, sys, pytest\n"
        "os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "os.environ['HOME'] = sys.argv[1]\n"
        "sys.exit(pytest.main(['-q', '-x', '-p', 'no:cacheprovider', '--no-header', *sys.argv[2:]]))"
    )
    here = Path(__file__).parent
    chosen = [
        str(here / name) for name in ("test_escapes.py", "test_branches.py", "test_lifetimes.py", "test_seccomp.py")
    ]
    python = python_that_everybody_may_run()
    # Not under pytest's own folder, which each pytest that begins closes to others.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        done = subprocess.run(
            [*python, "-c", script, folder, *chosen, "--basetemp", f"{folder}/pytest"],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            cwd=here.parents[1],
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def python_that_everybody_may_run() -> list[str]:
    """This interpreter, or the system's of the same version with this one's packages, where this one lies in root's
    home.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    paths = os.pathsep.join(p for p in sys.path if "site-packages" in p or p.endswith("src"))
    for candidate in (sys.executable, f"/usr/bin/python{version}"):
        command = ["env", f"PYTHONPATH={paths}", "HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis-nobody", candidate]
        drop = "import os; os.setresuid(65534, 65534, 65534); "
        probe = (
            drop
            + "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import numpy, understudy']))"
        )
        if (
            Path(candidate).exists()
            and subprocess.run([*command, "-c", probe], capture_output=True, check=False).returncode == 0
        ):
            return command
    pytest.skip("no Python here that a plain user may run")


def takes_huge_pages() -> bool:
    """Whether this kernel moves memory into a huge page when it is asked."""
    with mmap.mmap(-1, 2 * HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.write(bytes(2 * HUGE_PAGE))
        try:
            memory.madvise(25)  # MADV_COLLAPSE
        except OSError:
            return False
    return True


@pytest.mark.slow  # of the machine, not of the code: fragmented memory has none for a while
@pytest.mark.skipif(not takes_huge_pages(), reason="this kernel has no huge pages on request (Linux 6.1)")
@pytest.mark.skipif(os.getuid() != 0, reason="the zygote's memory is shown to root alone")
def test_what_the_zygote_has_loaded_lies_in_huge_pages() -> None:
    with Sandbox(preload=("numpy",), rollback=Rollback.REPLAY) as sandbox:
        rollup = Path(f"/proc/{sandbox._zygote().pid}/smaps_rollup").read_text()
    (line,) = [line for line in rollup.splitlines() if line.startswith("AnonHugePages:")]
    assert int(line.split()[1]) * 1024 >= HUGE_PAGE
