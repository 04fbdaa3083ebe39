"""Takes the client's address from the headers of trusted proxies, those in FAIRWAY_TRUSTED_PROXIES, and of no others.

uvicorn would trust every process on this machine, including the applications that run here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
SAID = (b"x-forwarded-for", b"x-forwarded-proto")


class Forwarded:
    """ASGI middleware. It drops the headers of others; trusted proxies are followed hop by hop from the right.

    Raises ValueError at start for a trusted proxy that is neither an address nor a network.
    """

    def __init__(self, application: Application, trusted: Sequence[str]) -> None:
        for network in trusted:
            ipaddress.ip_network(network, strict=False)
        self._application = application
        self._trusting = ProxyHeadersMiddleware(self._checked, list(trusted))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        scope["fairway.peer"] = scope.get("client")
        await self._trusting(scope, receive, send)  # type: ignore[arg-type]

    async def _checked(self, scope: Scope, receive: Any, send: Any) -> None:
        """Use the proxy's own address if the header contains something that is no address. Otherwise that would appear in
        events, and failed sign-ins would be counted for it."""
        if not _is_address(scope.get("client")):
            scope["client"] = scope["fairway.peer"]
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in SAID]
        await self._application(scope, receive, send)


def _is_address(client: Any) -> bool:
    try:
        ipaddress.ip_address(client[0])
    except (TypeError, ValueError, IndexError):
        return False
    return True
