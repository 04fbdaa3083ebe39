"""Whether people reach Fairway's own pages through the proxy. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from fairway.shared.hostnames import hostname_in


def own_host(public_url: str, by_proxy: str, http_port: int, https_port: int | None) -> str:
    """The host name at which the proxy serves Fairway's own pages; empty if it does not.

    `by_proxy` is FAIRWAY_PAGES_BY_PROXY: with ``auto`` the proxy serves them if the public address leads to one of its
    ports. ``on`` is for proxies that are reached at other ports, behind a load balancer or in a container. Raises
    ImproperlyConfigured if it is ``on`` and the address has no host name.
    """
    try:
        parts = urlsplit(public_url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        parts, port = urlsplit(""), None
    host = hostname_in(parts.hostname or "")
    ports = {"http": http_port, "https": https_port}
    if by_proxy == "on" and not (host and parts.scheme in ports):
        raise ImproperlyConfigured(
            f"FAIRWAY_PAGES_BY_PROXY is on, but FAIRWAY_PUBLIC_URL is “{public_url[:80]}”; it must be an address with a "
            "host name, like https://fairway.example.com, at which the proxy serves Fairway's pages."
        )
    is_ours = by_proxy == "on" or (by_proxy == "auto" and port is not None and port == ports.get(parts.scheme))
    return host if is_ours else ""
