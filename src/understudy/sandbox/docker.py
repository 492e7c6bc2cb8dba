"""Level ``docker``: the same zygote, with all its own protections, inside a container without network or writable
files.

In: an image with this Python's minor version and the preloaded libraries, on a Docker engine of *this* machine
(processes and sockets are shared with the host through its kernel, so an engine in a virtual machine or on another
machine does not work). Out: the zygote's socket and the process of ``docker run``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from understudy.sandbox.execution import IsolationError

_CONNECT_S = 60.0
_SOCKET = "zygote.socket"
_BOOT = (
    "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('/understudy/line/zygote.socket'); "
    "sys.path.insert(0, '/understudy'); from inside.zygote import main; main(s.detach())"
)


def command(image: str, environment: Mapping[str, str], line: Path) -> list[str]:
    """The ``docker run`` that starts a zygote which connects to the socket in folder ``line``."""
    inside = Path(__file__).parent / "inside"
    options = [
        "--rm",
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--pids-limit=4096",
        "--ipc=private",
        f"--user={os.getuid()}:{os.getgid()}",  # or the host could not signal its processes
        f"--volume={inside}:/understudy/inside:ro",
        f"--volume={line}:/understudy/line",
        *(f"--env={name}={value}" for name, value in environment.items()),
    ]
    return ["docker", "run", *options, "--entrypoint=python3", image, "-s", "-P", "-X", "utf8", "-c", _BOOT]


def start(image: str, environment: Mapping[str, str]) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The zygote's socket and the process to wait for. Raises ``IsolationError`` if there is no engine or no
    image.
    """
    if not image:
        raise IsolationError("level 'docker' needs docker_image: an image with Python, numpy and sympy")
    if shutil.which("docker") is None:
        raise IsolationError("level 'docker' was demanded, but there is no docker command on this machine")
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(Path(folder) / _SOCKET))
        server.listen(1)
        server.settimeout(1.0)
        process = subprocess.Popen(
            command(image, environment, Path(folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        return _accept(server, process), process


def _accept(server: socket.socket, process: subprocess.Popen[bytes]) -> socket.socket:
    for _ in range(int(_CONNECT_S)):
        try:
            return server.accept()[0]
        except TimeoutError:
            if process.poll() is not None:
                break
    process.kill()
    _, output = process.communicate()
    raise IsolationError(
        f"level 'docker' was demanded, but the container did not start: {output.decode(errors='replace')[-500:]}"
    )
