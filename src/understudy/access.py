"""Who may use a server of this package: hosts that only this machine reaches, tokens, requests of foreign pages; and
which addresses of servers are well formed.

In: hosts, headers, URLs. Out: yes or no, or an error in words. Not here: the form of a refusal, which each server has
of its own.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import urllib.parse


def is_loopback(host: str) -> bool:
    """Whether a host is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def require_token(host: str, token: str, used: str) -> None:
    """Raises ``ValueError`` for a host that other machines reach without a token, for what is no host, and for a token
    that no header can carry. ``used``: what others would use.
    """
    if not host or re.search(r"[/\s@]|^[^:]*:\d+$", host):
        raise ValueError(f"host: expected the name or address of a host, without http:// and port; got {host!r}")
    if not re.fullmatch("[!-~]*", token):
        raise ValueError("token: expected letters, digits and signs of ASCII without blanks")
    if not is_loopback(host) and not token:
        raise ValueError(
            f"host: {host} can be reached from other machines; give a token too, or they may use the {used}"
        )


def same_secret(shown: str, expected: str) -> bool:
    """Whether a token is the expected one; the time does not depend on where they differ."""
    return hmac.compare_digest(shown.encode(), expected.encode())


def host_of(authority: str) -> str:
    """The host of ``host:port``, as the header ``Host`` has it."""
    host, colon, port = authority.rpartition(":")
    return host if colon and port.isdigit() else authority


def web_address(url: str) -> str:
    """A URL without blanks around it. Raises ``ValueError`` for what is none of ``http://`` or ``https://``."""
    url = url.strip()
    try:
        parts = urllib.parse.urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, or brackets that hold no address
        is_good = False
    if not is_good or re.search(r"\s", url):
        hint = "" if "/" in url.partition("://")[1] or ":/" in url else f": did you mean http://{url.lstrip('/')}?"
        raise ValueError(f"expected a URL such as http://localhost:8000, got {url!r}{hint}")
    return url


def server_address(url: str) -> str:
    """The URL that all paths of a server begin with. Raises ``ValueError`` for any other."""
    url = web_address(url)
    if urllib.parse.urlsplit(url).path.rstrip("/").endswith("/completions"):
        base = url.partition("/chat/completions")[0].partition("/completions")[0]
        raise ValueError(f"expected the URL that all paths begin with, such as {base}; got {url!r}")
    return url


def ray_address(address: str) -> str:
    """Where ``ray.init`` finds a cluster. Raises ``ValueError`` for any other."""
    if address.startswith("http") or not re.fullmatch(r"auto|local|[\w+-]+://\S+|[^\s/]+:\d+", address):
        raise ValueError(f"expected auto, local, host:port or ray://host:port; got {address!r}")
    return address
