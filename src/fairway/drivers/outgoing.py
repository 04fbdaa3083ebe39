"""One HTTP request to an address that somebody typed, which goes only to IP addresses that a policy permits."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from fairway.drivers.addresses import AddressPolicy, judge, permitted_address

PORTS = {"https": 443, "http": 80}


@contextmanager
def asked(
    client: httpx.Client,
    url: httpx.URL,
    policy: AddressPolicy | None,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Iterator[httpx.Response]:
    """The response to one request, unread. With a policy, the connection goes to a permitted IP address, while the host name
    and the certificate stay those of the URL.

    The client must not follow redirects, because their addresses would not be checked. Raises `NeedsPerson` for an address
    that is not permitted, `Retry` for a name that cannot be resolved, and httpx's errors.
    """
    sent = {"User-Agent": "fairway", "Accept-Encoding": "identity", **(headers or {})}
    target, extensions = url, {}
    if policy is not None:
        number = permitted_address(url.raw_host.decode("ascii"), url.port or PORTS[url.scheme], policy)
        target = url.copy_with(host=f"[{number}]" if ipaddress.ip_address(number).version == 6 else number)
        sent["Host"] = url.netloc.decode("ascii")
        extensions = {"sni_hostname": url.raw_host.decode("ascii")}
    request = client.build_request(method, target, headers=sent, data=form, content=content, extensions=extensions)
    answer = client.send(request, stream=True)
    try:
        _judge_connection(answer, url, policy)
        yield answer
    finally:
        answer.close()


def _judge_connection(answer: httpx.Response, url: httpx.URL, policy: AddressPolicy | None) -> None:
    """Check the address of the open connection. Raises `NeedsPerson`."""
    stream = answer.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None and policy is not None else None
    if peer and policy is not None:
        judge(url.host, str(peer[0]), policy)
