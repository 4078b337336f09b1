"""Loopback addresses, and the comparison of secrets in constant time."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a bind address or a Host header's name means this machine only."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def names_loopback(host_header: str) -> bool:
    """Whether a Host header, with or without a port, names this machine. An empty one does: HTTP/1.0 has none."""
    try:
        parts = urlsplit(f"//{host_header}")
        name, _port = parts.hostname or "", parts.port  # a port that is no number raises
    except ValueError:
        return False
    is_bare = parts.netloc == host_header and parts.username is None
    return not host_header or (is_bare and is_loopback(name))


def same_secret(given: str, secret: str) -> bool:
    """Compare in constant time; an empty secret matches nothing."""
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())
