"""What an answer to the health check says of the application besides its number. Pure."""

from __future__ import annotations

import re

# Status and body by which frameworks refuse a host name they were not told of: Django (with and without DEBUG), Starlette's
# and Flask's trusted hosts, Rails, webpack's and Vite's servers.
_REFUSED_HOSTS = (
    (400, re.compile(r"DisallowedHost|<h1>Bad Request \(400\)</h1>\s*<p></p>", re.IGNORECASE), "ALLOWED_HOSTS"),
    (400, re.compile(r"^Invalid host header$", re.IGNORECASE), "the allowed hosts of its TrustedHostMiddleware"),
    (400, re.compile(r"Host '[^']+' is not trusted"), "TRUSTED_HOSTS"),
    (403, re.compile(r"Blocked hosts?: "), "config.hosts"),
    (403, re.compile(r"Blocked request\. This host .* is not allowed"), "server.allowedHosts"),
    (403, re.compile(r"^Invalid Host(?:/Origin)? header$"), "allowedHosts"),
)


def refused_host(status: int, body: bytes, host: str) -> str:
    """That the application does not answer to its public name, with what to do; "" where its answer does not say so."""
    if not host or status not in (400, 403):
        return ""
    text = body[:65536].decode(errors="replace").strip()
    place = next((place for number, sign, place in _REFUSED_HOSTS if number == status and sign.search(text)), "")
    return f"it does not answer to the host name “{host}”: add “{host}” to {place}" if place else ""
