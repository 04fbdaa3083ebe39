"""Waiting until an instance is ready, by the strongest sign it has: its health path, its image's own check, its port.

Needs only a runtime; knows no Django. What was used is part of the answer, so that the page can say it.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from fairway.drivers.runtimes.contract import HealthCheck, Instance, InstanceState, Progress, Runtime
from fairway.shared.failures import Refused

MOST_RESTARTS = 3  # then it is the version that is bad, not the moment
SETTLE = 0.5  # seconds an open port must outlast: servers that die while loading often open it first
FIRST_PAUSE = 0.01  # seconds; doubles up to the check's interval, so that a quick start is seen at once
LAST_LINES = 40
MOST_BODY = 65536  # bytes of an answer that are read


@dataclass(frozen=True)
class HealthResult:
    """Ready, and how that was known. `gate` is "http <path>", "image HEALTHCHECK" or "tcp port"; `elapsed` is seconds."""

    gate: str
    elapsed: float
    attempts: int


@dataclass(frozen=True)
class _Look:
    """One look at an instance: ready, or the words for what is missing ("answered 500")."""

    gate: str
    is_ready: bool
    words: str


def wait_until_ready(
    runtime: Runtime,
    instance_name: str,
    check: HealthCheck,
    progress: Progress,
    *,
    host: str = "",
    most_restarts: int = MOST_RESTARTS,
    settle: float = SETTLE,
) -> HealthResult:
    """Ask until the instance is ready. `host` is the Host header of the question: give the public name, because many
    frameworks answer 400 to any other.

    Raises `Refused`, with the last lines it printed as detail, when it failed for good, died `most_restarts` times
    meanwhile, or was not ready at the deadline. An open port counts only if the same process still has it after `settle`
    seconds; an HTTP answer or the image's own verdict counts at once, while the process is the one that was asked.
    """
    waiting = _Waiting(runtime, instance_name, check, progress, host, most_restarts, settle)
    return waiting.run()


class _Waiting:
    def __init__(
        self,
        runtime: Runtime,
        name: str,
        check: HealthCheck,
        progress: Progress,
        host: str,
        most_restarts: int,
        settle: float,
    ) -> None:
        self.runtime, self.name, self.check, self.progress, self.host = runtime, name, check, progress, host
        self.most_restarts, self.settle = most_restarts, settle
        self.began = time.monotonic()
        self.attempts = 0
        self.restarts_before: int | None = None
        self.words, self.words_since = "", self.began

    def run(self) -> HealthResult:
        pause = FIRST_PAUSE
        while True:
            self.progress.check()
            instance = self._living()
            look = self._look(instance)
            if look.is_ready and self._lasts(instance, look):
                return HealthResult(look.gate, time.monotonic() - self.began, self.attempts)
            if not look.is_ready:
                self._remember(look.words)
            if self._left() <= 0:
                raise self._refused(self._late())
            time.sleep(min(pause, max(0.0, self._left())))
            pause = min(pause * 2, max(self.check.interval, FIRST_PAUSE))

    def _left(self) -> float:
        return self.began + self.check.deadline - time.monotonic()

    def _living(self) -> Instance:
        """The instance as it is now. Raises `Refused` when waiting makes no sense any more."""
        instance = self.runtime.instance(self.name)
        if instance is None:
            raise Refused(f"{self.name} was removed while it was being checked; deploy again.")
        if instance.state in (InstanceState.FAILED, InstanceState.STOPPED):
            raise self._refused(f"The application {_ended(instance)} and is {instance.state.value}.")
        if self.restarts_before is None:
            self.restarts_before = instance.restarts
        if instance.restarts - self.restarts_before >= self.most_restarts:
            times = instance.restarts - self.restarts_before
            raise self._refused(f"The application {_ended(instance)}, {times} times in a row, while starting.")
        return instance

    def _look(self, instance: Instance) -> _Look:
        self.attempts += 1
        timeout = max(0.05, min(self.check.timeout, self._left()))
        if self.check.path:
            gate, is_ready, words = _ask_http(instance.address, self.check.path, self.host, timeout)
            return _Look(gate, is_ready, words)
        if instance.health is not None and instance.health != "healthy":
            return _Look("image HEALTHCHECK", False, f"the image's own health check said “{instance.health}”")
        gate = "tcp port" if instance.health is None else "image HEALTHCHECK"
        is_open, words = _ask_port(instance.address, timeout)
        return _Look(gate, is_open, words)

    def _lasts(self, instance: Instance, look: _Look) -> bool:
        """Whether it is still the same process, and still ready, after the settling time its gate needs."""
        if look.gate == "tcp port":
            until = time.monotonic() + self.settle
            while time.monotonic() < until:
                self.progress.check()
                time.sleep(min(0.05, self.settle))
            if not self._look(instance).is_ready:
                self._remember("the port opened and closed again")
                return False
        now = self._living()
        is_same = (now.state, now.restarts, now.started_at) == (instance.state, instance.restarts, instance.started_at)
        if not is_same or now.state is not InstanceState.RUNNING:
            self._remember(f"the application answered, then {_ended(now)}")
            return False
        return True

    def _remember(self, words: str) -> None:
        if words != self.words:
            self.words, self.words_since = words, time.monotonic()
            self.progress.line(f"Not ready yet: {words}")

    def _late(self) -> str:
        lasted = time.monotonic() - self.words_since
        words = self.words or "it did not stay up"
        return f"{words[:1].upper()}{words[1:]} for {lasted:.0f} s; it had to be ready within {self.check.deadline:g} s."

    def _refused(self, sentence: str) -> Refused:
        lines = self.runtime.output(self.name, tail=LAST_LINES)
        return Refused(sentence, detail="\n".join(line.text for line in lines))


def _ended(instance: Instance) -> str:
    return "ended" if instance.exit_code is None else f"exited with code {instance.exit_code}"


def _ask_http(address: str, path: str, host: str, timeout: float) -> tuple[str, bool, str]:
    gate = f"http {path}"

    def ask(name: str, port: int) -> tuple[bool, str]:
        connection = http.client.HTTPConnection(name, port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Host": host or address, "User-Agent": "fairway-health"})
            answer = connection.getresponse()
            status = answer.status
            answer.read(MOST_BODY)  # closing on unread bytes resets the connection, which fills logs with stack traces
        finally:
            connection.close()
        return 200 <= status < 400, f"{path} answered {status}"

    return gate, *_asked(address, f"{path} did not answer within {timeout:.2g} s", ask)


def _ask_port(address: str, timeout: float) -> tuple[bool, str]:
    def ask(name: str, port: int) -> tuple[bool, str]:
        socket.create_connection((name, port), timeout=timeout).close()
        return True, "the port is open"

    return _asked(address, "the port did not answer", ask)


def _asked(address: str, too_slow: str, ask: Callable[[str, int], tuple[bool, str]]) -> tuple[bool, str]:
    """What `ask` found out, with the ways a connection fails put into words."""
    name, _, port = address.rpartition(":")
    if not port.isdigit():
        return False, "the application had no address"
    try:
        return ask(name.strip("[]"), int(port))
    except ConnectionRefusedError:
        return False, "nothing listened on the port"
    except TimeoutError:
        return False, too_slow
    except http.client.HTTPException:
        return False, "the application answered something that is not HTTP"
    except OSError as error:
        return False, f"the connection failed ({error.strerror or error})"
