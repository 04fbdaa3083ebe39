"""Takes the client's address and scheme from the headers of trusted proxies, and of no others: those in
FAIRWAY_TRUSTED_PROXIES, and Fairway's own, which sends a secret with every request for a page.

uvicorn would trust every process on this machine, including the applications that run here.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from fairway.drivers.proxy.token import PAGES_HEADER

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
OWN = PAGES_HEADER.lower().encode()
SAID = (b"x-forwarded-for", b"x-forwarded-proto", OWN)


class Forwarded:
    """ASGI middleware. It drops the headers of others; trusted proxies are followed hop by hop from the right. Fairway's own
    proxy, known by the secret `own`, has followed them already: it names one address.

    Raises ValueError at start for a trusted proxy that is neither an address nor a network.
    """

    def __init__(self, application: Application, trusted: Sequence[str], own: str = "") -> None:
        for network in trusted:
            ipaddress.ip_network(network, strict=False)
        self._application = application
        self._own = own.encode()
        self._trusting = ProxyHeadersMiddleware(self._checked, list(trusted))  # type: ignore[arg-type]
        self._believing = ProxyHeadersMiddleware(self._checked, "*")  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        scope["fairway.peer"] = scope.get("client")
        followed = self._believing if self._is_own(scope) else self._trusting
        await followed(scope, receive, send)  # type: ignore[arg-type]

    def _is_own(self, scope: Scope) -> bool:
        said = [value for name, value in scope["headers"] if name == OWN]
        return bool(self._own) and len(said) == 1 and hmac.compare_digest(said[0], self._own)

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
