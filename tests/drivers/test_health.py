"""Readiness: which sign is used, what is noticed at once, and what the person is told. Against real processes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers import health
from fairway.drivers.health import wait_until_ready
from fairway.drivers.runtimes.contract import (
    ArtifactKind,
    ArtifactRef,
    HealthCheck,
    Instance,
    InstanceSpec,
    InstanceState,
    NullProgress,
)
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.drivers.runtimes.process import ProcessRuntime, launch
from fairway.drivers.runtimes.process.bundle import seal
from fairway.shared.failures import Cancelled, Refused
from tests.drivers.runtimes.contract import Cancelling
from tests.services.ports import free_port
from tests.services.waiting import eventually

APP = Path(__file__).parent / "runtimes" / "app.py"
QUICK = {"backoff_first": 0.01, "backoff_most": 0.05, "backoff_reset": 60.0}


class Heard(NullProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str, *, stream: str = "stdout") -> None:
        self.lines.append(text)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ProcessRuntime]:
    runtime = ProcessRuntime.open({}, data=tmp_path / "data")
    yield runtime
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=0.2)


@pytest.fixture
def spec(runtime: ProcessRuntime) -> InstanceSpec:
    app = runtime.places.bundles / ".draft" / "app"
    app.mkdir(parents=True)
    (app / "app.py").write_text(APP.read_text())
    (app / "VERSION").write_text("one")
    return InstanceSpec("hello.test", "d1", 0, seal(app.parent, {"command": ["{python}", "app.py"]}))


def program(spec: InstanceSpec, text: str) -> InstanceSpec:
    return replace(spec, command=("{python}", "-c", text))


def test_a_health_path_is_asked(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    runtime.ensure_started(spec, NullProgress())
    heard = Heard()
    result = wait_until_ready(runtime, spec.name, HealthCheck(path="/health"), heard)
    assert result.gate == "http /health"
    assert result.attempts >= 1
    assert 0 < result.elapsed < 60
    assert set(heard.lines) <= {"Not ready yet: nothing listened on the port"}


def test_without_a_path_any_answer_counts_at_once(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    runtime.ensure_started(spec, NullProgress())
    assert wait_until_ready(runtime, spec.name, HealthCheck(), NullProgress(), settle=3600).gate == "any http answer"


SOON = 3.0  # seconds in which a program that listens answers, on a busy machine, too; tests of what is late wait them out


def listening(runtime: ProcessRuntime, spec: InstanceSpec, port: int = 0) -> Instance:
    """Started, and listening on its port, or on `port`: how long that takes is the machine's affair, not the deadline's."""
    instance = runtime.ensure_started(spec, NullProgress())
    wanted = f":{port or int(instance.address.rpartition(':')[2]):04X}"

    def listens() -> bool:
        lines = [line.split() for file in ("tcp", "tcp6") for line in Path("/proc/net", file).read_text().splitlines()[1:]]
        return any(line[1].endswith(wanted) and line[3] == "0A" for line in lines)

    eventually(listens, "the program listens")
    return instance


def serving(answer: str) -> str:
    """A program that gives every visitor this answer (an expression with the connection `c`)."""
    return (
        "import os, socket, time; s = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n"
        f"while True: c, _ = s.accept(); c.recv(999); {answer}; c.close()"
    )


@pytest.mark.parametrize(
    "answer",
    [
        "c.sendall(b'hello\\n')",
        "time.sleep(1)",
    ],
    ids=["not HTTP", "too slow"],
)
def test_a_port_without_a_good_answer_counts_once_it_has_lasted(
    runtime: ProcessRuntime, spec: InstanceSpec, answer: str
) -> None:
    runtime.ensure_started(program(spec, serving(answer)), NullProgress())
    result = wait_until_ready(runtime, spec.name, HealthCheck(), NullProgress(), settle=0.3)
    assert result.gate == "tcp port"
    assert result.elapsed >= 0.3


ANSWERS = "c.sendall(b'HTTP/1.1 {status} So\\r\\nContent-Length: 0\\r\\n\\r\\n')"


@pytest.mark.parametrize("status", [200, 204, 302, 401, 404, 429])
def test_without_a_path_anything_but_an_error_is_an_answer(runtime: ProcessRuntime, spec: InstanceSpec, status: int) -> None:
    runtime.ensure_started(program(spec, serving(ANSWERS.format(status=status))), NullProgress())
    assert wait_until_ready(runtime, spec.name, HealthCheck(), NullProgress(), settle=3600).gate == "any http answer"


@pytest.mark.parametrize("status", [500, 503])
def test_without_a_path_an_error_is_not_ready_and_is_named(runtime: ProcessRuntime, spec: InstanceSpec, status: int) -> None:
    listening(runtime, program(spec, serving(ANSWERS.format(status=status))))
    words = (
        rf"^/ answered {status} for \d+ s; it had to be ready within 3 s\. Where “/” is not meant to answer, set a health"
    )
    with pytest.raises(Refused, match=words):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=SOON), NullProgress(), settle=1)
    brought_back = HealthCheck(deadline=30, accepts_errors=True)
    assert wait_until_ready(runtime, spec.name, brought_back, NullProgress()).gate == "any http answer"


def test_what_is_slow_to_warm_up_has_until_the_deadline(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    warming = ANSWERS.format(status=503), ANSWERS.format(status=200)
    text = serving(f"n = globals().get('n', 0) + 1; {warming[0]} if n < 6 else {warming[1]}")
    runtime.ensure_started(program(spec, text), NullProgress())
    heard = Heard()
    result = wait_until_ready(runtime, spec.name, HealthCheck(), heard)
    assert (result.gate, result.attempts >= 6) == ("any http answer", True)
    assert "Not ready yet: / answered 503" in heard.lines


def test_a_port_that_hangs_up_is_not_ready(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    """An Engine's own port does so before the application behind it listens."""
    listening(runtime, program(spec, serving("None")))
    with pytest.raises(Refused, match="Nothing seemed to listen on the port .each connection was closed at once. for"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=SOON), NullProgress(), settle=1)


def test_the_last_look_which_the_deadline_cut_is_not_what_is_told(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    slow_then = "n = globals().get('n', 0) + 1; n > 1 and time.sleep(60); c.send(b'HTTP/1.0 503 No\\r\\n\\r\\n')"
    listening(runtime, program(spec, serving(slow_then)))
    with pytest.raises(Refused, match="/health answered 503 for"):
        wait_until_ready(runtime, spec.name, HealthCheck(path="/health", deadline=SOON, timeout=30.0), NullProgress())


@pytest.mark.parametrize(("status", "is_ready"), [("204", True), ("302", True), ("404", False), ("503", False)])
def test_2xx_and_3xx_are_ready(runtime: ProcessRuntime, spec: InstanceSpec, status: str, is_ready: bool) -> None:
    listening(runtime, replace(spec, environment={"HEALTH_STATUS": status}))
    check = HealthCheck(path="/health", deadline=30 if is_ready else SOON)
    if is_ready:
        assert wait_until_ready(runtime, spec.name, check, NullProgress()).gate == "http /health"
        return
    heard = Heard()
    with pytest.raises(Refused, match=rf"/health answered {status} for \d+ s; it had to be ready within 3 s") as refused:
        wait_until_ready(runtime, spec.name, check, heard)
    assert f"Not ready yet: /health answered {status}" in heard.lines
    assert "version one starts" in refused.value.detail


def test_what_dies_again_and_again_is_refused_long_before_the_deadline(
    runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "BACKOFF", QUICK)
    runtime.ensure_started(replace(spec, environment={"EXIT_AT_START": "3"}), NullProgress())
    with pytest.raises(Refused, match="exited with code 3, . times in a row,") as refused:
        wait_until_ready(runtime, spec.name, HealthCheck(path="/health", deadline=600), NullProgress())
    assert "version one starts" in refused.value.detail


def test_a_program_that_ends_when_its_work_is_done_is_told_that_it_is_no_server(
    runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "BACKOFF", QUICK)
    runtime.ensure_started(program(spec, "print('computed 42')"), NullProgress())
    with pytest.raises(Refused, match=r"exited with code 0, [3-9] times in a row, .* is no web server: the start command"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=600), NullProgress())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; print('Loading.'); print('no licence found.', file=sys.stderr); sys.exit(7)", "“no licence found”."),
        ("raise SystemExit(7)", "It printed nothing."),
    ],
)
def test_of_an_end_nobody_can_explain_the_last_line_is_said(
    runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(launch, "BACKOFF", QUICK)
    runtime.ensure_started(program(spec, text), NullProgress())
    with pytest.raises(Refused, match="exited with code 7, [3-9] times in a row") as refused:
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=600), NullProgress())
    assert refused.value.sentence.endswith(said)


def test_a_port_that_opens_before_the_crash_is_not_ready(
    runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "BACKOFF", QUICK)
    text = (
        "import os, socket; s = socket.create_server(('127.0.0.1', int(os.environ['PORT'])));s.accept(); raise SystemExit(4)"
    )
    runtime.ensure_started(program(spec, text), NullProgress())
    with pytest.raises(Refused, match="exited with code 4"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=600), NullProgress(), settle=0.3)


def test_a_silent_application_is_late(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    runtime.ensure_started(program(spec, "import time; time.sleep(600)"), NullProgress())
    with pytest.raises(Refused, match="Nothing listened on the port for"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=0.2), NullProgress())


def test_a_slow_answer_is_named(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    runtime.ensure_started(spec, NullProgress())
    wait_until_ready(runtime, spec.name, HealthCheck(path="/"), NullProgress())
    with pytest.raises(Refused, match="did not answer within"):
        wait_until_ready(runtime, spec.name, HealthCheck(path="/slow?s=3", deadline=0.3, timeout=0.2), NullProgress())


def test_what_is_not_http_is_named(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    text = (
        "import os, socket; s = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n"
        "while True: c, _ = s.accept(); c.recv(999); c.sendall(b'hello\\n'); c.close()"
    )
    listening(runtime, program(spec, text))
    with pytest.raises(Refused, match="not HTTP"):
        wait_until_ready(runtime, spec.name, HealthCheck(path="/", deadline=SOON), NullProgress())


def test_the_public_name_is_sent(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    text = (
        "import os; from http.server import *\n"
        "class H(BaseHTTPRequestHandler):\n"
        "  def do_GET(self): self.send_response(200 if self.headers['Host'] == 'shop.test' else 400); self.end_headers()\n"
        "HTTPServer(('127.0.0.1', int(os.environ['PORT'])), H).serve_forever()"
    )
    runtime.ensure_started(program(spec, text), NullProgress())
    assert wait_until_ready(runtime, spec.name, HealthCheck(path="/"), NullProgress(), host="shop.test")
    with pytest.raises(Refused, match="answered 400"):
        wait_until_ready(runtime, spec.name, HealthCheck(path="/", deadline=SOON), NullProgress())


def test_what_was_stopped_or_removed_is_not_waited_for(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    runtime.ensure_started(spec, NullProgress())
    runtime.ensure_stopped(spec.name)
    with pytest.raises(Refused, match="stopped"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=600), NullProgress())
    runtime.ensure_removed(spec.name)
    with pytest.raises(Refused, match="removed"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=600), NullProgress())


def test_a_cancelled_wait_ends(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    runtime.ensure_started(program(spec, "import time; time.sleep(600)"), NullProgress())
    with pytest.raises(Cancelled):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=600), Cancelling())


class WithProcesses(FakeRuntime):
    """An instance whose port is always open, as with Docker's proxy in front; a number tells its present process."""

    def __init__(self, processes: list[int], address: str) -> None:
        super().__init__()
        self.processes, self.address = processes, address

    def instance(self, name: str) -> Instance | None:
        process = self.processes.pop(0) if len(self.processes) > 1 else self.processes[0]
        return Instance(name, "a.b", "d1", 0, InstanceState.RUNNING, self.address, "sha256:1", restarts=process)


def test_an_open_port_counts_only_when_it_lasted_with_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look finds another process that runs; none of them lasted."""
    monkeypatch.setattr(health, "FRESH", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        runtime = WithProcesses(list(range(1000)), f"127.0.0.1:{server.getsockname()[1]}")
        check = HealthCheck(tcp=True, deadline=600)
        with pytest.raises(Refused, match=r"1\d\d times in a row"):
            wait_until_ready(runtime, "x", check, NullProgress(), settle=0.0001, most_restarts=100)
        # The second look finds the next process, which is still there when it is asked again; it has not lasted, either.
        runtime = WithProcesses([0, 1, 1, 2], f"127.0.0.1:{server.getsockname()[1]}")
        assert wait_until_ready(runtime, "x", check, NullProgress(), settle=0.03).restarts == 2


class WithVerdicts(FakeRuntime):
    """An instance whose image has a HEALTHCHECK, with the verdicts it gives one after the other."""

    def __init__(self, verdicts: list[str], address: str, output: str = "") -> None:
        super().__init__()
        self.verdicts, self.address, self.printed = verdicts, address, output

    def instance(self, name: str) -> Instance | None:
        verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        return Instance(
            name, "a.b", "d1", 0, InstanceState.RUNNING, self.address, "sha256:1", health=verdict, health_output=self.printed
        )


def test_what_speaks_no_http_is_ready_when_its_port_is_open(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    """As a database does: it hangs up on whoever says nothing it knows."""
    database = """
import os, socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    server.accept()[0].close()
"""
    runtime.ensure_started(program(spec, database), NullProgress())
    assert wait_until_ready(runtime, spec.name, HealthCheck(tcp=True), NullProgress()).gate == "tcp port"
    with pytest.raises(Refused, match="Nothing seemed to listen"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=0.5), NullProgress())


def test_the_health_command_decides_and_its_words_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, check = f"127.0.0.1:{server.getsockname()[1]}", HealthCheck(command=("pg_isready",), deadline=0.5)
        runtime = WithVerdicts(["starting", "healthy"], address, "no attempt\nrejecting connections\n")
        heard = Heard()
        assert wait_until_ready(runtime, "x", check, heard).gate == "health command"
        assert heard.lines == ["Not ready yet: the health command did not succeed: it said “rejecting connections”"]
        with pytest.raises(Refused, match=r"failed 3 times: password=x \u2026\."):  # a part of a secret would not be masked
            wait_until_ready(WithVerdicts(["unhealthy"], address, f"password=x {'s3cret' * 50}"), "x", check, heard)
        with pytest.raises(Refused, match="The health command failed 3 times: rejecting connections."):
            wait_until_ready(WithVerdicts(["unhealthy"], address, "rejecting connections."), "x", check, heard)


def test_the_image_s_own_verdict_counts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        runtime = WithVerdicts(["starting", "starting", "healthy"], f"127.0.0.1:{server.getsockname()[1]}")
        heard = Heard()
        result = wait_until_ready(runtime, "x", HealthCheck(), heard)
    assert (result.gate, result.attempts) == ("image HEALTHCHECK", 3)
    assert heard.lines[0] == "Not ready yet: the image's own health check said “starting”"


def test_an_image_that_stays_in_its_start_period_is_late() -> None:
    with pytest.raises(Refused, match="health check said “starting” for"):
        wait_until_ready(WithVerdicts(["starting"], "127.0.0.1:1"), "x", HealthCheck(deadline=0.1), NullProgress())


def test_an_unhealthy_image_is_refused_long_before_the_deadline() -> None:
    """It has had the retries and the start period that it asked for itself."""
    runtime = WithVerdicts(["starting", "unhealthy"], "127.0.0.1:1", "trying\n/bin/sh: curl: not found\n")
    with pytest.raises(Refused) as refused:
        wait_until_ready(runtime, "x", HealthCheck(deadline=600), NullProgress())
    sentence = "The image's own health check found it “unhealthy”; it said: /bin/sh: curl: not found."
    assert refused.value.sentence == sentence


def test_an_instance_without_an_address_is_waited_for() -> None:
    with pytest.raises(Refused, match="had no address"):
        wait_until_ready(WithVerdicts(["healthy"], ""), "x", HealthCheck(path="/", deadline=0.1), NullProgress())


def test_failed_for_good_is_refused_at_once() -> None:
    artifact = ArtifactRef(ArtifactKind.IMAGE, f"sha256:{'1' * 64}", reference="one")
    fake = FakeRuntime()
    fake.distribute(artifact, None, NullProgress())
    instance = fake.ensure_started(InstanceSpec("a.b", "d1", 0, artifact), NullProgress())
    fake.crash(instance.name, 9, for_good=True)
    with pytest.raises(Refused, match="exited with code 9 and is failed"):
        wait_until_ready(fake, instance.name, HealthCheck(deadline=600), NullProgress())
    fake.close()


# -- why


def test_a_port_that_nobody_asked_for_is_named(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    port = free_port()
    text = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
    instance = listening(runtime, program(spec, text), port)
    with pytest.raises(Refused, match=rf"listens on port {port} \(.+\), not on {instance.address[10:]} \(PORT\)"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=0.5), NullProgress())


def test_a_program_on_the_other_loopback_address_is_told_so(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    text = (
        "import os, socket, time; s = socket.create_server(('::1', int(os.environ['PORT'])), family=socket.AF_INET6);"
        "time.sleep(600)"
    )
    listening(runtime, program(spec, text))
    with pytest.raises(Refused, match=r"listens on \[::1\]:\d+ only"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=0.5), NullProgress())


def test_a_failure_says_why(runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "BACKOFF", QUICK)
    runtime.ensure_started(program(spec, "import os; os.environ['DATABASE_URL']"), NullProgress())
    with pytest.raises(
        Refused, match=r"[3-9] times in a row.* The variable DATABASE_URL is missing: set it on the conf"
    ) as refused:
        wait_until_ready(runtime, spec.name, HealthCheck(), NullProgress())
    assert "KeyError: 'DATABASE_URL'" in refused.value.detail


REFUSES_NAMES = "c.send(b'HTTP/1.1 400 Bad\\r\\nContent-Length: 19\\r\\nConnection: close\\r\\n\\r\\nInvalid host header')"


def test_an_application_that_does_not_know_its_name_is_not_ready(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    listening(runtime, program(spec, serving(REFUSES_NAMES)))
    with pytest.raises(
        Refused, match=r"/ answered 400 for \d s; .* It does not answer to the host name “shop.example”: add"
    ):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=SOON), NullProgress(), host="shop.example")


def test_one_that_knows_another_of_its_names_is_ready(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    knows = f"r = c.recv(0); ({REFUSES_NAMES}) if b'own.example' in data else c.send(b'HTTP/1.1 204 OK\\r\\n\\r\\n')"
    text = serving(knows).replace("c.recv(999)", "data = c.recv(999)")
    runtime.ensure_started(program(spec, text), NullProgress())
    names = {"host": "own.example", "domains": ["shop.example"]}
    assert wait_until_ready(runtime, spec.name, HealthCheck(), NullProgress(), **names).gate == "any http answer"


def test_what_runs_first_has_a_time_of_its_own(
    runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline of the application itself is over at once, and does not count yet."""
    monkeypatch.setattr(health, "LONGEST_BEFORE", 0.5)
    chain = ("{python}", "-c", "import time; time.sleep(600)", "&&", "{python}", "app.py")
    runtime.ensure_started(replace(spec, command=chain), NullProgress())
    heard = Heard()
    with pytest.raises(Refused, match="^“python -c .* still ran after .* so the application was not started"):
        wait_until_ready(runtime, spec.name, HealthCheck(deadline=0.0), heard)
    assert ["runs first" in line for line in heard.lines] == [True]
