"""The connection to one Docker Engine, whose errors become typed failures."""

from __future__ import annotations

import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote

import docker
import requests
from docker import errors

from fairway.drivers.runtimes.docker import failures
from fairway.drivers.runtimes.docker.streams import Stream
from fairway.shared.failures import Failure

CALL_SECONDS = 60
STREAM_SECONDS = 900.0  # after so long without data a stream counts as broken; deadlines of steps are shorter


class Daemon:
    """A Docker Engine at one address. It connects at the first call, with the newest API version that both sides know.

    `host` is the local socket that leads to the Engine, `name` the Engine's address as people know it.
    """

    def __init__(self, host: str, name: str = "") -> None:
        self.host = host
        self.name = name or host
        self._lock = threading.Lock()
        self._client: docker.APIClient | None = None

    @property
    def api(self) -> Any:
        """The SDK's low-level client (untyped, because its stubs are incomplete).

        Raises `Retry` or `NeedsPerson` if the Engine cannot be reached.
        """
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def close(self) -> None:
        """Close the pooled connections. The next call opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connect(self) -> docker.APIClient:
        try:
            self._knock()
            client = docker.APIClient(base_url=self.host, version="auto", timeout=CALL_SECONDS)
        except (errors.DockerException, requests.RequestException, OSError) as error:
            raise failures.unreachable(self.name, error) from error
        weakref.finalize(self, client.close)
        return client

    def _knock(self) -> None:
        """Check that something listens. Raises OSError. Without this check, the SDK would leave an open socket after each
        failed attempt."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            knock.settimeout(CALL_SECONDS)
            knock.connect(self.host.removeprefix("unix://"))

    @contextmanager
    def asking(self, what: str, explain: Callable[[str, int | None], Failure] | None = None) -> Iterator[Any]:
        """Make calls; the Engine's errors are raised as typed failures. `what` completes “Docker could not <what>”.
        `NotFound` is passed through, because only the caller knows what is missing."""
        try:
            self._knock()
            yield self.api
        except errors.APIError as error:
            if explain is None and isinstance(error, errors.NotFound):
                raise
            raise self._typed(what, explain, error) from error
        except (requests.RequestException, errors.DockerException, OSError) as error:
            raise failures.unreachable(self.name, error) from error

    @staticmethod
    def _typed(what: str, explain: Callable[[str, int | None], Failure] | None, error: errors.APIError) -> Failure:
        text, status = str(error.explanation or error), error.status_code
        return explain(text, status) if explain else failures.engine_failure(what, text, status=status)

    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        body: IO[bytes] | Iterator[bytes] | None = None,
    ) -> Stream:
        """Start a request whose answer is read as it arrives. Raises `docker.errors.APIError` for an error status; use it
        inside `asking`. The SDK's own generators cannot be interrupted while they wait."""
        api = self.api
        response = api.request(
            method,
            f"{api.base_url}/v{api.api_version}{quote(path)}",
            params=dict(query),
            headers=dict(headers or {}),
            data=body,
            stream=True,
            timeout=(CALL_SECONDS, STREAM_SECONDS),
        )
        if response.status_code >= 400:
            with response:
                errors.create_api_error_from_http_exception(requests.HTTPError(response.reason, response=response))
        return Stream(response)


def labels_of(thing: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of a container, image, network or volume, whether it was listed or inspected."""
    return thing.get("Labels") or (thing.get("Config") or {}).get("Labels") or {}
