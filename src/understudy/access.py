"""Who may use a server of this package: hosts that only this machine reaches, tokens, requests of foreign pages.

In: hosts, headers. Out: yes or no. Not here: the form of a refusal, which each server has of its own.
"""

from __future__ import annotations

import hmac
import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host is reachable from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def require_token(host: str, token: str, used: str) -> None:
    """Raises ``ValueError`` for a host that other machines reach without a token. ``used``: what they would use."""
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
