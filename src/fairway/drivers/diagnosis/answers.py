"""Reads what an answer to the health check says about the application, besides its status. Pure."""

from __future__ import annotations

import re

# Status and body with which frameworks refuse a host name that they are not configured for (Django with and without DEBUG,
# the trusted hosts of Starlette and Flask, Rails, the servers of webpack and Vite), and the setting that allows it.
_REFUSED_HOSTS = (
    (400, re.compile(r"DisallowedHost|<h1>Bad Request \(400\)</h1>\s*<p></p>", re.IGNORECASE), "ALLOWED_HOSTS"),
    (400, re.compile(r"^Invalid host header$", re.IGNORECASE), "the allowed hosts of its TrustedHostMiddleware"),
    (400, re.compile(r"Host '[^']+' is not trusted"), "TRUSTED_HOSTS"),
    (403, re.compile(r"Blocked hosts?: "), "config.hosts"),
    (403, re.compile(r"Blocked request\. This host .* is not allowed"), "server.allowedHosts"),
    (403, re.compile(r"^Invalid Host(?:/Origin)? header$"), "allowedHosts"),
)


def refused_host(status: int, body: bytes, host: str) -> str:
    """That the application refuses its public host name, and what to do; "" if the answer does not say so."""
    if not host or status not in (400, 403):
        return ""
    text = body[:65536].decode(errors="replace").strip()
    setting = next((setting for number, sign, setting in _REFUSED_HOSTS if number == status and sign.search(text)), "")
    return f"it does not answer to the host name “{host}”: add “{host}” to {setting}" if setting else ""
