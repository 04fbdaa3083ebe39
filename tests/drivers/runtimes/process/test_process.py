"""What only the process runtime promises: shims, process groups, ports, secrets, crashes at any moment."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import (
    ArtifactKind,
    ArtifactRef,
    HealthCheck,
    Instance,
    InstanceSpec,
    InstanceState,
    Limits,
    NullProgress,
    Volume,
)
from fairway.drivers.runtimes.process import ProcessRuntime, launch, ports, readings, shim_check, workcopy
from fairway.drivers.runtimes.process.bundle import Bundle
from fairway.drivers.runtimes.process.family import proportional
from fairway.shared.failures import NeedsPerson, Refused, Retry
from tests.drivers.runtimes.contract import ask, listens
from tests.drivers.runtimes.process.conftest import Bundled
from tests.services.gate import Gate
from tests.services.waiting import eventually

FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if os.fork() == 0:                      # a daemon: own session, parent gone
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sleep", ["sleep", "601"], {})
    os._exit(0)
os.wait()
print("ready", flush=True)
if os.environ.get("DEAF"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
while True:
    time.sleep(1)
"""


@pytest.fixture
def artifact(bundled: Bundled) -> ArtifactRef:
    return bundled("one", files={"family.py": FAMILY})


@pytest.fixture
def spec(artifact: ArtifactRef, runtime: ProcessRuntime) -> Iterator[InstanceSpec]:
    runtime.distribute(artifact, None, NullProgress())
    yield InstanceSpec("hello.test", "d1", 0, artifact)
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=0.2)


def state(runtime: ProcessRuntime, name: str) -> dict:
    return json.loads((runtime.places.instance(name) / "state.json").read_text())


def started(runtime: ProcessRuntime, spec: InstanceSpec) -> Instance:
    instance = runtime.ensure_started(spec, NullProgress())
    eventually(lambda: listens(instance), what="answers")
    return instance


CHECK = """
import os, sys, pathlib
here = pathlib.Path(os.environ["TMPDIR"])
with (here / "runs").open("a") as file:
    file.write(f"{os.environ['TOKEN']} {os.environ['PORT']} {sys.argv[1]}\\n")
print("the file is not there" if (well := (here / "well").exists()) is False else "fine")
sys.exit(0 if well else 7)
"""


def test_a_health_command_runs_as_the_application_does_and_may_change_its_mind(
    runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "COMMAND_EVERY", 0.1)
    monkeypatch.setattr(launch, "FIRST_CHECK", 0.1)
    check = HealthCheck(command=("{python}", "-c", CHECK, "{port}"), deadline=0.5)
    name = runtime.ensure_started(replace(spec, health=check, environment={"TOKEN": "s3cret"}), NullProgress()).name
    files = runtime.places.instance(name) / "tmp"

    def health() -> tuple[str | None, str]:
        found = runtime.instance(name)
        assert found is not None
        return found.health, found.health_output

    eventually(lambda: health() == ("unhealthy", "the file is not there"), what="three failures after its time")
    (files / "well").touch()
    eventually(lambda: health() == ("healthy", ""), what="it is well again")
    (files / "well").unlink()
    eventually(lambda: health()[0] == "unhealthy", what="three failures in a row")
    token, told, argument = (files / "runs").read_text().splitlines()[0].split()
    assert (token, told) == ("s3cret", argument), "its variables, and its port in the words"
    assert texts(runtime, name) == ["version one starts"], "what a check prints is no output of the application"


def test_a_health_command_that_hangs_is_ended_and_leaves_nothing(
    runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "COMMAND_TIMEOUT", 0.2)
    monkeypatch.setattr(launch, "FIRST_CHECK", 0.1)
    check = HealthCheck(command=("sleep", "600"), deadline=60)
    name = runtime.ensure_started(replace(spec, health=check), NullProgress()).name
    eventually(lambda: runtime.instance(name).health_output == "it did not end within 0.2 s", what="it is late")  # type: ignore[union-attr]
    shim = state(runtime, name)["minder"][0]
    runtime.ensure_stopped(name, grace=0.5)
    assert readings.descendants(shim) == []


def test_long_words_of_a_health_command_are_cut_between_words(tmp_path: Path) -> None:
    """Half a secret would not be masked."""
    file = tmp_path / "said"
    file.write_bytes(b"key=" + b"s3cret" * 500 + b" the end")
    check = shim_check.Check(1, os.open(file, os.O_RDONLY), 0.0)
    while check.read():
        pass
    assert check.words(5.0, 1) == "the end"
    os.close(check.out)


def test_a_health_command_that_does_not_exist_is_refused_by_name(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    with pytest.raises(Refused, match="no-such-check"):
        runtime.ensure_started(replace(spec, health=HealthCheck(command=("no-such-check",))), NullProgress())


def texts(runtime: ProcessRuntime, name: str) -> list[str]:
    return [line.text for line in runtime.output(name, tail=1000)]


def family_of(runtime: ProcessRuntime, spec: InstanceSpec, **environment: str) -> list[tuple[int, int]]:
    """Starts the application with a child and a daemon; returns the identities of all of them."""
    runtime.ensure_started(replace(spec, command=("{python}", "family.py"), environment=environment), NullProgress())
    wanted = "deaf" if environment else "ready"
    eventually(lambda: wanted in texts(runtime, spec.name), what=wanted)
    pids = readings.descendants(state(runtime, spec.name)["minder"][0])
    assert len(pids) == 3
    return [(pid, int(readings.fields(pid)[readings.START])) for pid in pids]


# -- dying


def test_a_killed_application_comes_back_and_is_counted(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    instance = started(runtime, spec)
    os.kill(state(runtime, spec.name)["app"][0], signal.SIGKILL)
    eventually(lambda: runtime.instance(spec.name).restarts == 1, what="restarted")
    eventually(lambda: listens(instance), what="answers at the same address")
    again = runtime.instance(spec.name)
    assert (again.address, again.exit_code, again.state) == (instance.address, 137, InstanceState.RUNNING)
    assert "[fairway] exited with code 137; starting again in 0.5 s" in texts(runtime, spec.name)


def test_the_pause_between_restarts_doubles(runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch) -> None:
    monkeypatch.setattr(launch, "BACKOFF", {"backoff_first": 0.01, "backoff_most": 0.05, "backoff_reset": 60.0})
    runtime.ensure_started(replace(spec, environment={"EXIT_AT_START": "7"}), NullProgress())
    eventually(lambda: runtime.instance(spec.name).restarts >= 5, what="five restarts")
    pauses = [text.rpartition(" in ")[2] for text in texts(runtime, spec.name) if text.startswith("[fairway]")]
    assert pauses[:5] == ["0.01 s", "0.02 s", "0.04 s", "0.05 s", "0.05 s"]


def test_a_long_healthy_run_forgives(runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch) -> None:
    monkeypatch.setattr(launch, "BACKOFF", {"backoff_first": 0.01, "backoff_most": 9.0, "backoff_reset": 0.0})
    runtime.ensure_started(replace(spec, environment={"EXIT_AT_START": "7"}), NullProgress())
    eventually(lambda: runtime.instance(spec.name).restarts >= 3, what="three restarts")
    pauses = {text.rpartition(" in ")[2] for text in texts(runtime, spec.name) if text.startswith("[fairway]")}
    assert pauses == {"0.01 s"}


def test_what_a_crash_leaves_behind_is_ended(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    family = family_of(runtime, spec)
    app = tuple(state(runtime, spec.name)["app"])
    os.kill(app[0], signal.SIGKILL)
    eventually(lambda: runtime.instance(spec.name).restarts == 1, what="restarted")
    assert not any(readings.is_alive(member) for member in family)


def test_a_killed_shim_leaves_no_orphan_and_is_replaced(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    instance = started(runtime, spec)
    before = state(runtime, spec.name)
    os.kill(before["minder"][0], signal.SIGKILL)
    eventually(lambda: not readings.is_alive(before["app"]), what="the application went with its shim")
    assert runtime.instance(spec.name).state is InstanceState.FAILED
    assert runtime.usages([spec.name]) == {}
    again = started(runtime, spec)
    assert (again.state, again.restarts) == (InstanceState.RUNNING, 0)
    assert again.address == instance.address
    assert "version one starts" in texts(runtime, spec.name)[0]


@pytest.mark.parametrize("verb", ["ensure_started", "ensure_stopped", "ensure_removed"])
def test_the_family_of_a_killed_shim_is_found(runtime: ProcessRuntime, spec: InstanceSpec, verb: str) -> None:
    """The child stays in the session; it has neither parent nor shim any more."""
    family = family_of(runtime, spec)
    os.kill(state(runtime, spec.name)["minder"][0], signal.SIGKILL)
    eventually(lambda: runtime.instance(spec.name).state is InstanceState.FAILED, what="noticed")
    sleeper = [member for member in family if readings.is_alive(member) and b"600" in command_line(member[0])]
    assert sleeper, "nothing was left: the test proves nothing"
    if verb == "ensure_started":
        runtime.ensure_started(spec, NullProgress())
    else:
        getattr(runtime, verb)(spec.name)
    assert not any(readings.is_alive(member) for member in sleeper)
    for member in family:  # a daemon that dropped its environment and its session cannot be known
        if readings.is_alive(member):
            os.kill(member[0], signal.SIGKILL)


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


STARTER = """
import os, signal, sys
from pathlib import Path
from fairway.drivers.runtimes.contract import *
from fairway.drivers.runtimes.process import ProcessRuntime
class KilledAt(NullProgress):
    left = int(sys.argv[3])
    def check(self):
        self.left -= 1
        if self.left < 0: os.kill(os.getpid(), signal.SIGKILL)
data = Path(sys.argv[1])
artifact = ArtifactRef(ArtifactKind.BUNDLE, sys.argv[2])
ProcessRuntime.open({}, data=data).ensure_started(InstanceSpec("hello.test", "d1", 0, artifact), KilledAt())
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("checks", [1, 2, 99])
def test_a_killed_starter_is_taken_over(runtime: ProcessRuntime, spec: InstanceSpec, data: Path, checks: int) -> None:
    """Killed before, between and after its steps: the next start gives one application."""
    arguments = [sys.executable, "-c", STARTER, str(data), spec.artifact.digest, str(checks)]
    assert subprocess.run(arguments, check=False, start_new_session=True).returncode == -signal.SIGKILL
    before = runtime.instance(spec.name)
    instance = started(runtime, spec)
    if checks == 99:
        assert before is not None
        assert (before.started_at, before.address) == (instance.started_at, instance.address)
    assert len(runtime.instances()) == 1
    assert ask(instance) == "one"


def test_a_shim_whose_starter_died_before_the_answer_is_adopted(
    runtime: ProcessRuntime, spec: InstanceSpec, data: Path
) -> None:
    """The starter dies at the moment it has handed over the order: the shim is born all the same."""
    program = STARTER.replace(
        "data = Path",
        "import subprocess\n"
        "class Deadly(subprocess.Popen):\n"
        "    def communicate(self, input=None, timeout=None):\n"
        "        if input is None: return super().communicate(input, timeout)\n"  # it is asked what walls there are
        "        self.stdin.write(input); self.stdin.close(); os.kill(os.getpid(), signal.SIGKILL)\n"
        "subprocess.Popen = Deadly\n"
        "data = Path",
    )
    arguments = [sys.executable, "-c", program, str(data), spec.artifact.digest, "99"]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    instance = started(runtime, spec)
    shims = [pid for pid in readings.everyone() if str(data).encode() in order_folder(pid)]
    assert ask(instance) == "one"
    assert shims == [state(runtime, spec.name)["minder"][0]]


def order_folder(pid: int) -> bytes:
    """Where a shim writes its complaints, which tells whose shim a process is."""
    try:
        is_shim = b"shim.py" in command_line(pid)
        return os.readlink(f"/proc/{pid}/fd/2").encode() if is_shim else b""
    except OSError:
        return b""


# -- stopping


def test_stopping_ends_children_and_daemons(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    family = family_of(runtime, spec)
    runtime.ensure_stopped(spec.name, grace=20)
    assert not any(readings.is_alive(member) for member in family)
    assert runtime.instance(spec.name).state is InstanceState.STOPPED


def test_what_ignores_term_is_killed_after_the_grace(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    family = family_of(runtime, spec, DEAF="1")
    runtime.ensure_stopped(spec.name, grace=0.2)
    assert not any(readings.is_alive(member) for member in family)
    assert runtime.instance(spec.name).exit_code == 137


def test_a_gentle_stop_is_no_failure(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    started(runtime, spec)
    runtime.ensure_stopped(spec.name, grace=20)
    stopped = runtime.instance(spec.name)
    assert (stopped.exit_code, stopped.restarts, stopped.address) == (0, 0, "")


def test_a_shim_ended_by_somebody_else_is_a_failure_not_a_wish(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    """A machine that shuts down ends shims too; what they ran must come back afterwards."""
    started(runtime, spec)
    os.kill(state(runtime, spec.name)["minder"][0], signal.SIGTERM)
    eventually(lambda: runtime.instance(spec.name).state is InstanceState.FAILED, what="failed")
    assert ask(started(runtime, spec)) == "one"


def test_a_frozen_shim_is_ended_with_all_it_has(runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch) -> None:
    monkeypatch.setattr("fairway.drivers.runtimes.process.runtime.LAST_WORDS", 0.3)
    instance = started(runtime, spec)
    app = state(runtime, spec.name)["app"]
    os.kill(state(runtime, spec.name)["minder"][0], signal.SIGSTOP)
    runtime.ensure_stopped(spec.name, grace=0.1)
    assert not readings.is_alive(app)
    assert not listens(instance)
    assert runtime.instance(spec.name).state is InstanceState.STOPPED


def test_a_note_of_another_run_of_the_machine_is_not_believed(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    """After a reboot the same pid and ticks may be anybody: nothing is signalled, and the instance counts as failed."""
    started(runtime, spec)
    runtime.ensure_stopped(spec.name)
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        ticks = int(readings.fields(bystander.pid)[readings.START])
        for boot, start in (("another", ticks), (readings.boot(), ticks + 1)):
            stale = {**state(runtime, spec.name), "state": "running", "boot": boot}
            stale |= {"minder": [bystander.pid, start], "app": [bystander.pid, start]}
            (runtime.places.instance(spec.name) / "state.json").write_text(json.dumps(stale))
            runtime._wish(spec.name).rename(runtime.places.instance(spec.name) / "run")
            assert runtime.instance(spec.name).state is InstanceState.FAILED
            runtime.ensure_stopped(spec.name)
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own. Only root may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], check=False)
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_is_said_and_stops_nobody_from_stopping(full_disk: Path) -> None:
    from fairway.drivers.runtimes.process.bundle import seal

    runtime = ProcessRuntime.open({}, data=full_disk)
    app = full_disk / "bundles" / ".draft" / "app"
    app.mkdir(parents=True)
    wanted = InstanceSpec("full.test", "d1", 0, seal(app.parent, {"command": ["sleep", "600"]}))
    runtime.ensure_started(wanted, NullProgress())
    application = state(runtime, wanted.name)["app"]
    with pytest.raises(OSError, match="No space"), (full_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)
    with pytest.raises(NeedsPerson, match="disk is full"):
        runtime.ensure_started(replace(wanted, replica=1), NullProgress())
    runtime.ensure_stopped(wanted.name)
    assert not readings.is_alive(application)
    assert [(found.replica, found.state) for found in runtime.instances()] == [(0, InstanceState.STOPPED)]
    runtime.ensure_removed(wanted.name)
    assert runtime.instances() == []


# -- secrets and surroundings


def test_secrets_are_nowhere_but_in_the_application(runtime: ProcessRuntime, spec: InstanceSpec, data: Path) -> None:
    secret = "s3cr3t-5f1c"
    instance = started(runtime, replace(spec, environment={"PASSWORD": secret}))
    assert f"PASSWORD={secret}" in (ask(instance, "/env") or "")
    for pid in readings.descendants(os.getpid()) + [state(runtime, spec.name)["minder"][0]]:
        assert secret.encode() not in command_line(pid)
    files = [place for place in data.rglob("*") if place.is_file() and not place.is_symlink()]
    assert files
    assert not [place for place in files if secret.encode() in place.read_bytes()]
    assert secret.encode() not in Path(f"/proc/{state(runtime, spec.name)['minder'][0]}/environ").read_bytes()
    assert runtime.places.instance(spec.name).stat().st_mode & 0o777 == 0o700


def test_the_application_is_told_where_it_is(runtime: ProcessRuntime, spec: InstanceSpec, data: Path) -> None:
    instance = started(runtime, spec)
    seen = dict(line.split("=", 1) for line in (ask(instance, "/env") or "").splitlines())
    assert (seen["HOST"], seen["PORT"]) == ("127.0.0.1", instance.address.rpartition(":")[2])
    assert Path(seen["HOME"]) == data / "process/homes/hello.test"
    assert os.access(seen["HOME"], os.W_OK)
    if sys.prefix != sys.base_prefix:
        assert str(Path(sys.prefix) / "bin") not in seen["PATH"].split(":")
    assert not [name for name in seen if name.startswith(("FAIRWAY", "DJANGO"))]


def test_writing_beside_the_code_does_not_change_the_bundle(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    wanted = replace(spec, command=("{python}", "-c", "open('new', 'w').write('x'); open('VERSION', 'a').write('x')"))
    runtime.ensure_started(wanted, NullProgress())
    eventually(lambda: runtime.instance(spec.name).restarts > 0, what="it has run")
    assert runtime.instance(spec.name).exit_code == 0
    runtime.distribute(spec.artifact, None, NullProgress())


def test_a_changed_bundle_is_not_started(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    app = spec.artifact.location / "app" / "app.py"
    app.chmod(0o644)
    app.write_text("print('evil')")
    assert not runtime.is_distributed(spec.artifact)
    with pytest.raises(Refused, match="was changed after it was built"):
        runtime.ensure_started(spec, NullProgress())
    assert runtime.instances() == []


def test_a_bundle_from_elsewhere_is_brought_here(runtime: ProcessRuntime, artifact: ArtifactRef, tmp_path: Path) -> None:
    elsewhere = ProcessRuntime.open({}, data=tmp_path / "other")
    elsewhere.distribute(artifact, None, NullProgress())
    assert elsewhere.is_distributed(artifact)
    assert [stored.digest for stored in elsewhere.artifacts()] == [artifact.digest]


def test_volumes_are_seen_at_their_target_and_by_name(runtime: ProcessRuntime, bundled: Bundled) -> None:
    artifact = bundled("one", files={"seed.txt": "x"})
    runtime.distribute(artifact, None, NullProgress())
    volume = Volume("hello-data", "/var/data")
    program = "import os; print(os.path.samefile('var/data', os.environ['VOLUME_HELLO_DATA']), os.listdir('var'))"
    wanted = InstanceSpec("hello.test", "d1", 0, artifact, command=("{python}", "-c", program), volumes=(volume,))
    runtime.ensure_started(wanted, NullProgress())
    eventually(lambda: "True ['data']" in texts(runtime, wanted.name), what="the volume is there")
    runtime.ensure_removed(wanted.name)
    assert runtime.places.volume("hello-data").is_dir()


@pytest.mark.parametrize("volume", [Volume("x", "/.."), Volume("x", "/"), Volume("../x", "/a"), Volume("x", "/app.py")])
def test_a_volume_that_leads_astray_is_refused(runtime: ProcessRuntime, spec: InstanceSpec, volume: Volume) -> None:
    with pytest.raises(Refused):
        runtime.ensure_started(replace(spec, volumes=(volume,)), NullProgress())
    assert runtime.instances() == []


# -- commands


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("#!/no/such/interpreter\n", 0o755, "/no/such/interpreter"),
        ("echo hello\n", 0o755, "neither a program"),
        ("#!/bin/sh\n", 0o644, "not marked executable: run “chmod \\+x ./run” .*git update-index --chmod=\\+x ./run"),
        ("#!/bin/sh\r\necho\r\n", 0o755, "Windows line ends .*“./run text eol=lf” into .gitattributes"),
        ("#!/usr/bin/env none-such\n", 0o755, "asks for the interpreter “none-such”"),
        (bytes.fromhex("7f454c4602010100") + bytes(8) + b"\2\0\x15\0" + bytes(44), 0o755, "built for POWER"),
    ],
)
def test_a_script_that_cannot_run_says_why(
    runtime: ProcessRuntime, data: Path, bundled: Bundled, content: str | bytes, mode: int, words: str
) -> None:
    from fairway.drivers.runtimes.process.bundle import seal

    app = data / "bundles" / ".draft" / "app"
    app.mkdir(parents=True)
    (app / "run").write_bytes(content if isinstance(content, bytes) else content.encode())
    (app / "run").chmod(mode)
    artifact = seal(app.parent, {"command": ["./run"]})
    with pytest.raises(Refused, match=words):
        runtime.ensure_started(InstanceSpec("hello.test", "d1", 0, artifact), NullProgress())
    assert runtime.instances() == []


@pytest.mark.parametrize(("word", "words"), [("./code", "it is a folder"), ("run", "write “./run”")])
def test_a_word_that_means_no_program_says_what_does(
    runtime: ProcessRuntime, bundled: Bundled, word: str, words: str
) -> None:
    artifact = bundled("one", files={"run": "#!/bin/sh\n", "code/main.py": ""})
    with pytest.raises(Refused, match=words):
        runtime.ensure_started(InstanceSpec("hello.test", "d1", 0, artifact, command=(word,)), NullProgress())


def test_static_files_are_served_by_the_bundled_caddy(runtime: ProcessRuntime, data: Path) -> None:
    from fairway.drivers.runtimes.process.bundle import seal

    app = data / "bundles" / ".draft" / "app"
    app.mkdir(parents=True)
    (app / "index.html").write_text("static!")
    command = ["{caddy}", "file-server", "--root", ".", "--listen", "127.0.0.1:{port}"]
    artifact = seal(app.parent, {"command": command, "kind": "static"})
    instance = runtime.ensure_started(InstanceSpec("site.test", "d1", 0, artifact), NullProgress())
    try:
        eventually(lambda: ask(instance) == "static!", what="served")
        assert runtime.is_distributed(artifact)
    finally:
        runtime.ensure_removed(instance.name, grace=0.2)


def test_an_image_is_refused(runtime: ProcessRuntime) -> None:
    image = ArtifactRef(ArtifactKind.IMAGE, f"sha256:{'1' * 64}", reference="x")
    for act in (
        lambda: runtime.resolve("nginx:1", None),
        lambda: runtime.distribute(image, None, NullProgress()),
        lambda: runtime.ensure_started(InstanceSpec("a.b", "d1", 0, image), NullProgress()),
    ):
        with pytest.raises(Refused, match="no images"):
            act()
    assert not runtime.is_distributed(image)


def test_an_unknown_option_is_refused(data: Path) -> None:
    with pytest.raises(Refused, match="colour"):
        ProcessRuntime.open({"colour": "red"}, data=data)


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [(28, NeedsPerson, "disk is full"), (11, Retry, "no room"), (12, Retry, "no room"), (7, Refused, "failed")],
)
def test_what_the_kernel_says_becomes_a_sentence(tmp_path: Path, number: int, kind: type, words: str) -> None:
    from fairway.drivers.runtimes.process.birth import _not_started

    failure = _not_started(number, {"program": "/bin/true", "folder": str(tmp_path)})
    assert isinstance(failure, kind)
    assert words in failure.sentence


# -- ports and limits


def test_a_port_somebody_took_meanwhile_is_replaced(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    import socket

    instance = started(runtime, spec)
    runtime.ensure_stopped(spec.name, grace=20)
    with socket.create_server(("127.0.0.1", int(instance.address.rpartition(":")[2]))):
        again = started(runtime, spec)
        assert again.address != instance.address


def test_many_starts_at_once_get_ports_of_their_own(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    specs = [replace(spec, replica=number) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda wanted: runtime.ensure_started(wanted, NullProgress()), specs))
    assert len({instance.address for instance in found}) == 6


def test_noted_ports_are_not_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "LOWEST", 20001)
    monkeypatch.setattr(ports, "HIGHEST", 20003)
    monkeypatch.setattr(ports, "is_free", lambda port: True)
    assert ports.choose({20001, 20003}) == 20002
    monkeypatch.setattr(ports, "is_free", lambda port: False)
    monkeypatch.setattr(ports, "_ephemeral", lambda: 50000)
    assert ports.choose(set()) == 50000
    with pytest.raises(Retry):
        ports.choose({50000})


def test_an_application_beyond_its_memory_is_killed(runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch) -> None:
    monkeypatch.setattr(launch, "LOOK_EVERY", 0.05)
    program = "import time; keep = bytearray(80 << 20); time.sleep(600)"
    limited = replace(spec, command=("{python}", "-c", program), limits=Limits(memory_bytes=50 << 20))
    runtime.ensure_started(limited, NullProgress())
    eventually(lambda: runtime.instance(spec.name).restarts >= 1, what="killed for its memory")
    assert "[fairway] uses more than 50 MB of memory: killed" in texts(runtime, spec.name)
    assert runtime.instance(spec.name).exit_code == 137
    assert runtime.instance(spec.name).out_of_memory


def test_an_application_that_is_killed_by_somebody_else_has_memory_left(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    program = "import os, signal, time; time.sleep(0.1); os.kill(os.getpid(), signal.SIGKILL)"
    runtime.ensure_started(replace(spec, command=("{python}", "-c", program)), NullProgress())
    eventually(lambda: runtime.instance(spec.name).restarts >= 1, what="it ended and was started again")
    assert runtime.instance(spec.name).exit_code == 137
    assert not runtime.instance(spec.name).out_of_memory


def test_an_application_with_too_many_processes_is_killed(runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch) -> None:
    monkeypatch.setattr(launch, "LOOK_EVERY", 0.05)
    runtime.ensure_started(replace(spec, command=("{python}", "family.py"), limits=Limits(pids=2)), NullProgress())
    eventually(lambda: runtime.instance(spec.name).restarts >= 1, what="killed for its processes")
    assert "[fairway] has more than 2 processes and threads: killed" in texts(runtime, spec.name)


def test_a_shim_is_small(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    started(runtime, spec)
    shim = state(runtime, spec.name)["minder"][0]
    assert proportional(shim) < 12 << 20


# -- output


def test_logs_rotate_and_are_read_across(runtime: ProcessRuntime, spec: InstanceSpec, monkeypatch) -> None:
    monkeypatch.setattr(launch, "LOG_BYTES", 20_000)
    monkeypatch.setattr(launch, "LOG_FILES", 3)
    gate = Gate()
    program = (
        "import sys, time\n"
        "print('begin', flush=True)\n"
        f"{gate.wait}\n"
        "for number in range(2000): print(f'line {number}'); number % 100 or (sys.stdout.flush(), time.sleep(0.02))\n"
        "print('end', flush=True); time.sleep(600)"
    )
    runtime.ensure_started(replace(spec, command=("{python}", "-c", program)), NullProgress())
    eventually(lambda: texts(runtime, spec.name) == ["begin"], what="began")
    followed = []
    for line in runtime.output(spec.name, tail=1, follow=True):
        followed.append(line.text)
        if line.text == "begin":
            gate.open()
        if line.text == "end":
            break
    logs = runtime.places.instance(spec.name) / "logs"
    assert sorted(place.name for place in logs.iterdir()) == ["output.log", "output.log.1", "output.log.2"]
    assert all(place.stat().st_size <= 20_000 for place in logs.iterdir())
    assert texts(runtime, spec.name)[-2:] == ["line 1999", "end"]
    assert len(list(runtime.output(spec.name, tail=500))) == 500


def test_odd_output_is_kept_whole(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    program = (
        "import sys, time; w = sys.stdout.buffer.write; w(b'\\x1b[1mbold\\x1b[0m\\r\\n'); w(b'\\n'); w(b'bad \\xff\\n');"
        "w(b'x' * 200_000 + b'\\n'); w(b'no newline'); sys.stdout.flush(); sys.exit(5)"
    )
    runtime.ensure_started(replace(spec, command=("{python}", "-c", program)), NullProgress())
    eventually(lambda: "no newline" in texts(runtime, spec.name), what="the last words")
    seen = texts(runtime, spec.name)
    assert seen[:3] == ["\x1b[1mbold\x1b[0m", "", "bad \ufffd"]
    assert "".join(text for text in seen if text and set(text) == {"x"})[:200_000] == "x" * 200_000


def test_a_character_that_two_reads_split_is_whole(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    """Cut by the pipe, by the longest line, and by the moment at which an unfinished line is shown."""
    gate = Gate()
    program = (
        "import sys, time; w = sys.stdout.buffer.write; f = sys.stdout.flush; euro = '€'.encode()\n"
        f"w(b'a' + euro * 50_000 + b'\\n'); w(b'wait ' + euro[:2]); f()\n{gate.wait}\n"
        "w(euro[2:] + b'!\\n'); f(); time.sleep(600)"
    )
    runtime.ensure_started(replace(spec, command=("{python}", "-c", program)), NullProgress())
    eventually(lambda: texts(runtime, spec.name)[-1:] == ["wait "], what="the line without end is shown")
    gate.open()
    eventually(lambda: texts(runtime, spec.name)[-1:] == ["€!"], what="and goes on")
    assert "".join(texts(runtime, spec.name)) == "a" + "€" * 50_000 + "wait €!"


def test_what_has_no_newline_is_shown_and_kept_apart(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    program = (
        "import sys, time; w = sys.stderr.write; w('10 %\\r20 %\\r'); sys.stderr.flush();"
        "print('Password: ', end='', flush=True); time.sleep(600)"
    )
    runtime.ensure_started(replace(spec, command=("{python}", "-c", program)), NullProgress())
    eventually(lambda: len(texts(runtime, spec.name)) == 2, what="both lines without end are shown")
    seen = {line.stream: (line.text, line.goes_on) for line in runtime.output(spec.name)}
    assert seen == {"stdout": ("Password: ", True), "stderr": ("10 %\r20 %\r", True)}


def test_time_goes_on_in_the_log(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    before = time.time()
    instance = started(runtime, spec)
    at = next(runtime.output(instance.name)).at.timestamp()
    assert before - 1 <= at <= time.time() + 1


# -- collecting


def test_collecting_waits_for_nobody_and_forgets_half_deleted(runtime: ProcessRuntime, spec: InstanceSpec) -> None:
    rest = runtime.places.bundles / f".{'0' * 64}.doomed"
    rest.mkdir()
    assert runtime.collect([], NullProgress()) == [spec.artifact.digest]
    assert list(runtime.places.bundles.iterdir()) == []


def test_a_file_the_application_brings_stays_and_that_is_said(runtime: ProcessRuntime, bundled: Bundled) -> None:
    artifact = bundled("one", files={"given.toml": "theirs"})
    runtime.distribute(artifact, None, NullProgress())
    said: list[str] = []

    class Hearing(NullProgress):
        def line(self, text: str, *, stream: str = "stdout") -> None:
            said.append(text)

    spec = InstanceSpec("hello.test", "d1", 0, artifact, files={"given.toml": "ours", "other.toml": "ours"})
    try:
        instance = runtime.ensure_started(spec, Hearing())
        eventually(lambda: ask(instance) == "one", what="it answers")
        assert (ask(instance, "/file?path=given.toml"), ask(instance, "/file?path=other.toml")) == ("theirs", "ours")
        assert "given.toml is the application's own; the configuration does not replace it." in said
    finally:
        runtime.ensure_removed(spec.name)


def test_a_file_that_is_given_is_private_and_follows_no_link(tmp_path: Path, bundled: Bundled) -> None:
    bundle = Bundle.read(bundled("one").location)
    work = workcopy.prepare(bundle, tmp_path, {}, {"a/b.toml": "one"})
    assert (work / "a/b.toml").stat().st_mode & 0o777 == 0o600
    (tmp_path / "victim").write_text("untouched")
    (work / "a/b.toml").unlink()
    (work / "a/b.toml").symlink_to(tmp_path / "victim")
    workcopy.prepare(bundle, tmp_path, {}, {"a/b.toml": "two"})
    assert ((work / "a/b.toml").read_text(), (tmp_path / "victim").read_text()) == ("two", "untouched")
    shutil.rmtree(work / "a")
    (work / "a").symlink_to(tmp_path)
    with pytest.raises(Refused, match="a file or a link"):
        workcopy.prepare(bundle, tmp_path, {}, {"a/b.toml": "three"})
    assert not (bundle.app / "a").exists(), "never in the bundle"
