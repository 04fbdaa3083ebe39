"""Waits until an instance is ready. It uses the strongest sign that the instance offers: its health path, its image's own
health check, any HTTP answer, or its open port.

Needs only a runtime; knows no Django. The result names the sign that was used, so that the page can show it.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten

from fairway.drivers.diagnosis.answers import refused_host
from fairway.drivers.diagnosis.reasons import LINES, printed_last, reason
from fairway.drivers.proxy.contract import Answers
from fairway.drivers.runtimes.contract import (
    COMMAND_TRIES,
    HealthCheck,
    Instance,
    InstanceState,
    OutputLine,
    Progress,
    Runtime,
)
from fairway.drivers.runtimes.steps import LONGEST_BEFORE
from fairway.shared.failures import Failure, Refused

MOST_RESTARTS = 3  # after so many, the version is at fault, not a passing problem
SETTLE = 0.5  # seconds that a silent port must stay open: servers that die while loading often open it first
SETTLE_PAUSE = 0.05  # seconds between two checks of such a port
FIRST_PAUSE = 0.005  # seconds between the first checks; later, PART of the time waited so far
PART = 0.05  # readiness is noticed at most 5 % late, however long the start takes
FRESH = 0.1  # seconds for which a state read from the runtime may be reused; it is read again before reporting ready
LAST_LINES = 40  # lines of output shown; more are searched for the reason
MOST_BODY = 65536  # bytes read of an answer
LEAST_STATUS, LEAST_ERROR = 100, 500
NO_PATH = " Where “/” is not meant to answer, set a health path."
NO_SERVER = (
    "A program that ends when its work is done is no web server: the start command has to start one that goes on running "
    "and listens on the port that the variable PORT names."
)
NO_WORKER = (
    "A program that ends when its work is done is no worker: start one that goes on running, or take this service out."
)
STAYS_UP = "it keeps running"
BY_COMMAND = "health command"
BY_PORT = "tcp port"
NO_ANSWER = 0  # nothing listened, or the connection closed at once (as Docker's proxy does before the application listens)
BECAUSE = ": "  # separates what was seen from its reason, e.g. that the application refuses its public host name
STRANGE = -1  # the port is open, but no answer came in time, or it was not HTTP


@dataclass(frozen=True)
class HealthResult:
    """The instance is ready. `gate` is the sign that was used: "http <path>" (the health path), "health command", "image
    HEALTHCHECK", "any http answer", "tcp port" or, for an instance without a port, "it keeps running". `elapsed` is in
    seconds. `restarts` is what the runtime had counted when the sign was seen: a larger count later means that it ended."""

    gate: str
    elapsed: float
    attempts: int
    restarts: int


@dataclass(frozen=True)
class _Look:
    """The result of one check: ready, or words for what is missing ("answered 500"). If it `settles`, it counts as ready
    only after it has lasted. If the deadline cut it short (`is_cut`), its words do not replace those of earlier checks."""

    gate: str
    is_ready: bool
    words: str
    settles: bool = False
    is_cut: bool = False


def wait_until_ready(
    runtime: Runtime,
    instance_name: str,
    check: HealthCheck,
    progress: Progress,
    *,
    host: str = "",
    most_restarts: int = MOST_RESTARTS,
    settle: float = SETTLE,
    domains: Sequence[str] = (),
) -> HealthResult:
    """Check the instance until it is ready. `host` is the Host header to send: give the public name, because many frameworks
    answer 400 to any other. If the application refuses `host`, the further `domains` are tried.

    Raises `Refused`, with the last lines of output as detail, if the instance failed for good, ended `most_restarts` times
    meanwhile, or was not ready at the deadline. An HTTP answer or the verdict of the image's health check counts at once, if
    the process that was asked still runs. Without a health path ``/`` is asked and any status below 500 counts; an
    application that answers 5xx has until the deadline to recover. A port that is open but does not answer HTTP counts if
    the same process still holds it open after `settle` seconds.

    Programs that run before the application (migrations) have their own limit, `LONGEST_BEFORE` seconds: the deadline counts
    from the start of the application itself.
    """
    waiting = _Waiting(runtime, instance_name, check, progress, (host, *domains), most_restarts, settle)
    return waiting.run()


class _Waiting:
    def __init__(
        self,
        runtime: Runtime,
        name: str,
        check: HealthCheck,
        progress: Progress,
        hosts: Sequence[str],
        most_restarts: int,
        settle: float,
    ) -> None:
        self.runtime, self.name, self.check, self.progress, self.hosts = runtime, name, check, progress, hosts
        self.most_restarts, self.settle = most_restarts, settle if check.stays_up is None else check.stays_up
        self.began = time.monotonic()
        self.before = 0.0  # seconds that the programs before the application took
        self.attempts = 0
        self.restarts_before: int | None = None
        self.words, self.words_since = "", self.began
        self.seen: Instance | None = None
        self.seen_at = 0.0
        self.exit_code: int | None = None  # the last one seen: an instance that is starting again has none
        self.open_since: float | None = None
        self.up_as: tuple[object, ...] = ()  # identifies the process that has been up since `open_since`

    def run(self) -> HealthResult:
        while True:
            self.progress.check()
            look = self._look(self._lately())
            if look.is_ready and self._has_lasted(look) and self._is_the_same():
                return self._ready(look)
            if not look.is_ready:
                self.open_since = None
                if not (look.is_cut and self.words):
                    self._remember(look.words)
            if look.gate and self._left() <= 0:
                raise self._refused(self._late())
            time.sleep(min(self._pause(), max(0.0, self._left())))

    def _ready(self, look: _Look) -> HealthResult:
        assert self.seen is not None
        return HealthResult(look.gate, time.monotonic() - self.began, self.attempts, self.seen.restarts)

    def _pause(self) -> float:
        if self.open_since is not None:
            return SETTLE_PAUSE
        waited = time.monotonic() - self.began
        return max(FIRST_PAUSE, min(waited * PART, self.check.interval))

    def _lately(self) -> Instance:
        """The instance as it was a moment ago. Asking the runtime costs more than asking the port, so a fresh state is
        reused."""
        is_changing = self.seen is None or not self.seen.address or self.seen.health or self.seen.doing
        if self.seen is None or is_changing or time.monotonic() - self.seen_at > FRESH:
            self.seen = self._living()
            self.seen_at = time.monotonic()
        return self.seen

    def _left(self) -> float:
        return self.began + self.before + self.check.deadline - time.monotonic()

    def _living(self) -> Instance:
        """The instance as it is now. Raises `Refused` if there is nothing left to wait for."""
        instance = self.runtime.instance(self.name)
        if instance is None:
            raise Refused(f"{self.name} was removed while it was being checked; deploy again.")
        if instance.state in (InstanceState.FAILED, InstanceState.STOPPED):
            who = _who(instance)
            raise self._refused(f"{who} {_ended(instance)} and is {instance.state.value}.", self._of_end(instance))
        self.exit_code = instance.exit_code if instance.exit_code is not None else self.exit_code
        if self.restarts_before is None:
            self.restarts_before = instance.restarts
        if instance.restarts - self.restarts_before >= self.most_restarts:
            times = instance.restarts - self.restarts_before
            last = replace(instance, exit_code=self.exit_code)
            raise self._refused(f"{_who(last)} {_ended(last)}, {times} times in a row, while starting.", self._of_end(last))
        return instance

    def _look(self, instance: Instance) -> _Look:
        if instance.doing:
            return self._wait_for_earlier(instance)
        self.attempts += 1
        if self.check.stays_up is not None and instance.health is None:
            return self._look_whether_it_stays(instance)
        timeout = max(0.05, min(self.check.timeout, self._left()))
        if self.check.command:
            return self._look_at_command(instance, timeout)
        if self.check.tcp:
            return _Look(BY_PORT, *_ask_port(instance.address, timeout), settles=True)
        if self.check.path:
            status, words = self._ask(instance.address, self.check.path, timeout)
            is_cut = status == STRANGE and self._left() <= 0
            return _Look(f"http {self.check.path}", 200 <= status < 400, words, is_cut=is_cut)
        if instance.health is None:
            return self._look_without_a_check(instance, timeout)
        if instance.health == "unhealthy":
            raise self._given_up(instance)
        if instance.health != "healthy":
            return _Look("image HEALTHCHECK", False, f"the image's own health check said “{instance.health}”")
        return _Look("image HEALTHCHECK", *_ask_port_if_any(instance, timeout))

    def _look_at_command(self, instance: Instance, timeout: float) -> _Look:
        """The runtime runs the command; where there is a port it has to be open besides, because visitors come next."""
        if instance.health == "unhealthy":
            raise self._given_up(instance)
        if instance.health != "healthy":
            said = _last_line(instance.health_output) if instance.health_output else ""
            return _Look(
                BY_COMMAND, False, f"the health command did not succeed{BECAUSE + f'it said “{said}”' if said else ''}"
            )
        return _Look(BY_COMMAND, *_ask_port_if_any(instance, timeout))

    def _ask(self, address: str, path: str, timeout: float) -> tuple[int, str]:
        first = answer = _ask_http(address, path, self.hosts[0], timeout)
        for host in self.hosts[1:]:
            if BECAUSE not in answer[1]:
                return answer
            answer = _ask_http(address, path, host, timeout)
        return first if BECAUSE in answer[1] else answer

    def _wait_for_earlier(self, instance: Instance) -> _Look:
        """A check while a program still runs before the application. It has no gate, because the deadline does not count
        yet."""
        self.before = time.monotonic() - self.began
        if self.before > LONGEST_BEFORE:
            minutes = round(LONGEST_BEFORE / 60)
            raise self._refused(f"“{instance.doing}” still ran after {minutes} minutes, so the application was not started.")
        is_over = instance.state is not InstanceState.RUNNING
        return _Look(
            "", False, f"“{instance.doing}” {_ended_with(instance)}" if is_over else f"“{instance.doing}” runs first"
        )

    def _look_without_a_check(self, instance: Instance, timeout: float) -> _Look:
        """No health check is configured. Every application is reached by HTTP, so an HTTP answer is the best sign that it is
        ready, and an error the best sign that it is not. A slow application may still be fine, so an open port counts once
        it has lasted.
        """
        patience = max(0.05, min(timeout, self._unsettled()))
        status, words = self._ask(instance.address, "/", patience)
        if status >= LEAST_STATUS:
            return _Look("any http answer", self.check.accepts_errors or _will_do(status, words), words)
        if status == NO_ANSWER:
            return _Look(BY_PORT, False, words)
        return _Look(BY_PORT, *_ask_port(instance.address, timeout), settles=True)

    def _look_whether_it_stays(self, instance: Instance) -> _Look:
        """A service without a port cannot be asked. The only sign is that one process keeps running."""
        return _Look(STAYS_UP, instance.state is InstanceState.RUNNING, "it was not up", settles=True)

    def _unsettled(self) -> float:
        """Seconds until the port has been open long enough."""
        return self.settle if self.open_since is None else self.open_since + self.settle - time.monotonic()

    def _has_lasted(self, look: _Look) -> bool:
        if not look.settles:
            return True
        assert self.seen is not None
        now = _process(self.seen)
        if self.open_since is None or now != self.up_as:  # what lasts has to be one process
            self.open_since, self.up_as = time.monotonic(), now
        return self._unsettled() <= 0

    def _is_the_same(self) -> bool:
        """Whether the process that was asked still runs."""
        asked, now = self.seen, self._living()
        assert asked is not None
        self.seen, self.seen_at = now, time.monotonic()
        is_same = (now.state, *_process(now)) == (asked.state, *_process(asked)) and not now.doing
        if not is_same or now.state is not InstanceState.RUNNING:
            self.open_since = None
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
        what, _, why = words.partition(BECAUSE)
        subject, seconds = _capital(what), self.check.deadline
        if self.seen is not None and not self.seen.is_main:
            subject = f"{_who(self.seen)}: {what}"
        if why:
            advice = f" {_capital(why)}."
        elif self.check.path in (None, "", "/") and what.startswith("/ answered"):
            advice = NO_PATH
        else:
            advice = self._elsewhere()
        return f"{subject} for {lasted:.0f} s; it had to be ready within {seconds:g} s.{advice}"

    def _elsewhere(self) -> str:
        try:
            found = self.runtime.listens_elsewhere(self.name)
        except Failure:  # this only adds advice: not knowing is not a failure of the deployment
            return ""
        return f" {found}" if found else ""

    def _given_up(self, instance: Instance) -> Refused:
        """The check has its own retries and start period, so there is nothing more to wait for."""
        name, said = instance.service, _last_line(instance.health_output) if instance.health_output else ""
        if self.check.command and instance.is_main:
            sentence = f"The health command failed {COMMAND_TRIES} times{f': {said}' if said else ''}."
        elif self.check.command:
            sentence = f"The health command of “{name}” failed {COMMAND_TRIES} times{f': {said}' if said else ''}."
        elif instance.is_main:
            sentence = f"The image's own health check found it “unhealthy”{f'; it said: {said}' if said else ''}."
        else:
            sentence = f"The image of “{name}” found it “unhealthy”{f'; it said: {said}' if said else ''}."
        return self._refused(sentence)

    def _of_end(self, instance: Instance) -> str:
        """Advice about a program that ended, for when its output gives no reason."""
        last = printed_last(printed_by(self.runtime, [self.name]))
        advice = NO_SERVER if self.check.stays_up is None else NO_WORKER
        return f"{last} {advice}".strip() if instance.exit_code == 0 and not _ended_in(instance) else last

    def _refused(self, sentence: str, otherwise: str = "") -> Refused:
        return refusal(self.runtime, [self.name], sentence, otherwise)


def refusal(runtime: Runtime, names: Iterable[str], sentence: str, otherwise: str = "") -> Refused:
    """The failure of these instances: `sentence`, then the reason that their output gives, or else `otherwise`. The detail
    is the end of their output."""
    lines = printed_by(runtime, names)
    why = reason(lines) or otherwise
    return Refused(f"{sentence} {why}".strip(), detail="\n".join(line.text for line in lines[-LAST_LINES:]))


def printed_by(runtime: Runtime, names: Iterable[str]) -> list[OutputLine]:
    """The last output of these instances, as far as it can be read; enough lines to find a reason in."""
    lines: list[OutputLine] = []
    for name in names:
        try:
            lines += runtime.output(name, tail=LINES)
        except Failure:
            continue
    return lines


def answers_of(address: str, path: str, host: str, *, times: int, seconds: float) -> Answers:
    """How an instance answers `path` when it is asked directly: up to `times` requests, one after the other, within
    `seconds`."""
    found, until = Answers(), time.monotonic() + seconds
    while found.asked < times and (left := until - time.monotonic()) > 0:
        status, words = _ask_http(address, path, host, left)
        found = found.and_one("" if LEAST_STATUS <= status < LEAST_ERROR else words)
    return found


def _will_do(status: int, words: str) -> bool:
    """Whether an answer of ``/`` counts as ready if no health path is set: any status below 500, unless the application
    refuses its own host name."""
    return status < LEAST_ERROR and BECAUSE not in words


def _process(instance: Instance) -> tuple[object, ...]:
    """Tells one process of an instance from the one that follows it."""
    return (instance.restarts, instance.started_at)


def _who(instance: Instance) -> str:
    return "The application" if instance.is_main else f"The service “{instance.service}”"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _last_line(text: str) -> str:
    """The last line, at most 200 characters of it. It is cut between words: a part of a secret would not be masked."""
    return shorten(text.splitlines()[-1], 200, placeholder=" …").rstrip(".")


def _ended(instance: Instance) -> str:
    why, program = _ended_with(instance), _ended_in(instance)
    return f"was not started, because “{program}” {why}" if program else why


def _ended_in(instance: Instance) -> str:
    """The program that ended; "" if it was the application itself. `doing` may already name an earlier program that runs
    again."""
    return instance.doing if instance.ended_in is None else instance.ended_in


def _ended_with(instance: Instance) -> str:
    if instance.out_of_memory:
        return "ended out of memory"
    return "ended" if instance.exit_code is None else f"exited with code {instance.exit_code}"


def _ask_http(address: str, path: str, host: str, timeout: float) -> tuple[int, str]:
    """Returns (the status, `NO_ANSWER` or `STRANGE`; words that describe it)."""

    def ask(name: str, port: int) -> tuple[int, str]:
        connection = http.client.HTTPConnection(name, port, timeout=timeout)
        try:
            connection.request("GET", path, headers={"Host": host or address, "User-Agent": "fairway-health"})
            answer = connection.getresponse()
            status = answer.status
            # Closing with unread bytes resets the connection, and some servers log a stack trace for that.
            body = answer.read(MOST_BODY)
        finally:
            connection.close()
        why = refused_host(status, body, host)
        return status, f"{path} answered {status}{BECAUSE + why if why else ''}"

    return _asked(address, f"{path} did not answer within {timeout:.2g} s", ask)


def _ask_port_if_any(instance: Instance, timeout: float) -> tuple[bool, str]:
    """What asking its port says; a service without a port is ready."""
    return _ask_port(instance.address, timeout) if instance.address else (True, "")


def _ask_port(address: str, timeout: float) -> tuple[bool, str]:
    def ask(name: str, port: int) -> tuple[int, str]:
        socket.create_connection((name, port), timeout=timeout).close()
        return 1, "the port is open"

    found, words = _asked(address, "the port did not answer", ask)
    return found > 0, words


def _asked(address: str, too_slow: str, ask: Callable[[str, int], tuple[int, str]]) -> tuple[int, str]:
    """The result of `ask`. If the connection fails, the words say how."""
    name, _, port = address.rpartition(":")
    if not port.isdigit():
        return NO_ANSWER, "the application had no address"
    try:
        return ask(name.strip("[]"), int(port))
    except ConnectionRefusedError:
        return NO_ANSWER, "nothing listened on the port"
    except TimeoutError:
        return STRANGE, too_slow
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        return NO_ANSWER, "nothing seemed to listen on the port (each connection was closed at once)"
    except http.client.HTTPException:
        return STRANGE, "the application answered something that is not HTTP"
    except OSError as error:
        return NO_ANSWER, f"the connection failed ({error.strerror or error})"
