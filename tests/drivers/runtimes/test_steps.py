"""A command as steps; and the launchers that generated images carry, run as programs."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fairway.drivers.builders.command_line import split_command
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.dockerfiles import Bases, Manifests, dockerfile_for
from fairway.drivers.builders.spec_rules import spec_errors
from fairway.drivers.runtimes import chain
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, InstanceSpec
from fairway.drivers.runtimes.docker import plan
from fairway.drivers.runtimes.steps import ONLY_OURS, Step, steps_of
from fairway.shared.failures import Refused
from tests.services.docker import missing

FOLDER = Path(chain.__file__).parent


def steps(line: str, **known: str) -> list[Step]:
    _, words = split_command(line)
    return list(steps_of(words, known, port=5000, host="127.0.0.1"))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("node x.js", [(("node", "x.js"), {}, "")]),
        ("cd src && node x.js", [(("node", "x.js"), {}, "src")]),
        ("cd src/web && cd .. && node x.js", [(("node", "x.js"), {}, "src")]),
        ("export A=b && cmd $A ${B:-c}", [(("cmd", "b", "c"), {"A": "b"}, "")]),
        ("BIND=0:$PORT cmd", [(("cmd",), {"BIND": "0:5000"}, "")]),
        ("A=1 one && two $C", [(("one",), {"A": "1"}, ""), (("two", "known"), {}, "")]),
        ("set -e; source venv/bin/activate && exec gunicorn -b :$PORT a", [(("gunicorn", "-b", ":5000", "a"), {}, "")]),
        ("export P=$P:more; a", [(("a",), {"P": "own:more"}, "")]),
    ],
)
def test_steps(line: str, found: list[object]) -> None:
    assert [(one.argv, dict(one.variables), one.folder) for one in steps(line, C="known", P="own")] == found


def test_what_is_shown_of_a_step_holds_no_value() -> None:
    first, _ = steps("migrate --password ${SECRET} ; serve", SECRET="hidden")
    assert first.argv[-1] == "hidden"
    assert "hidden" not in f"{first.text} {first.order()['text']}"


@pytest.mark.parametrize("line", ["cd ../other && x", "cd /etc && x", "migrate && cd src", "a; export B=c"])
def test_what_cannot_be_started_is_refused(line: str) -> None:
    with pytest.raises(Refused, match="start command"):
        steps(line)


def image(**config: object) -> dict[str, object]:
    return {"Id": "sha256:1", "Config": {"WorkingDir": "/app", "Env": ["PATH=/bin"], **config}}


def body(line: str, **config: object) -> dict[str, object]:
    _, words = split_command(line)
    spec = InstanceSpec("a.b", "d1", 0, ArtifactRef(ArtifactKind.IMAGE, "sha256:1"), command=words)
    return plan.container_body(spec, plan.Names("x"), image=image(**config), host_port=1)


def test_a_container_gets_folder_and_variables_without_a_launcher() -> None:
    found = body("cd src && export PATH=$PATH:/own && serve $PORT")
    assert (found["Cmd"], found["WorkingDir"]) == (["serve", "8080"], "/app/src")
    assert "PATH=/bin:/own" in found["Env"]  # type: ignore[operator]


def test_an_image_that_is_not_ours_is_refused_several_programs() -> None:
    with pytest.raises(Refused, match="shell script of the image"):
        body("migrate && serve")
    found = body("migrate && serve", Labels={plan.LAUNCHER: '["python3", "/opt/fairway/chain.py"]'})
    assert found["Cmd"][:2] == ["python3", "/opt/fairway/chain.py"]  # type: ignore[index]
    for kind in ("dockerfile", "image"):
        wrong = spec_errors({"kind": kind, "command": "migrate && serve", "install": {"image": "nginx"}})
        assert [(error.field, error.sentence) for error in wrong] == [("command", ONLY_OURS)]


@pytest.mark.parametrize("kind", ["python", "node"])
def test_a_generated_image_carries_a_launcher_only_where_one_is_needed(kind: str) -> None:
    one, several = (
        dockerfile_for(Spec(kind=kind, command=words), Manifests(), Bases()) for words in (("a",), ("a", "&&", "b"))
    )
    assert plan.LAUNCHERS not in one
    assert plan.LAUNCHER in several
    assert f'COPY [".fairway/chain.{"py" if kind == "python" else "js"}"' in several


def test_what_runs_first_is_read_from_the_list_of_processes() -> None:
    titles = ["UID", "PID", "PPID", "CMD"]
    words = json.dumps([step.order() for step in steps("migrate && seed && serve")])
    command = ["python3", "/opt/fairway/chain.py", words]
    init = ["0", "1", "0", f"/sbin/docker-init -- python3 /opt/fairway/chain.py {words}"]
    launcher = ["0", "7", "1", f"python3 /opt/fairway/chain.py {words}"]
    first, last = ["0", "9", "7", "migrate --all"], ["0", "7", "1", "serve"]

    def found(*rows: list[str]) -> str:
        return plan.running_first({"Titles": titles, "Processes": [init, *rows]}, command)

    assert found(launcher, first) == "migrate --all"
    assert found(last) == plan.running_first({}, command) == ""
    assert found(launcher) == found() == "migrate", "the application has not begun: the launcher is about to start a program"
    begins = {"Titles": titles, "Processes": [["0", "1", "0", "runc init"]]}
    assert plan.running_first(begins, command) == "migrate", "not even the launcher has begun"


@pytest.fixture(params=["python3", "node"])
def launcher(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "python3":
        return [sys.executable, "-I", "-S", "-E", str(FOLDER / "chain.py")]
    if not shutil.which("node"):
        missing("Node.js is not on this machine")
    return ["node", str(FOLDER / "chain.js")]


def launched(launcher: list[str], line: str, place: Path) -> subprocess.Popen[str]:
    orders = json.dumps([step.order() for step in steps(line)])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*launcher, orders], cwd=place, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("line", "code", "out", "err"),
    [
        ("true && echo a; false; cd in && A=b env -u X printenv A", 0, "a\nb\n", ""),
        ("sh -c 'exit 3' && echo never", 3, "", "“sh -c 'exit 3'” ended with code 3, so “echo never” is not started.\n"),
        ("no-such-program; echo b", 0, "b\n", "“no-such-program” could not be started: the program was not found"),
        ("echo a && no-such-program", 127, "a\n", "“no-such-program” could not be started: the program was not found"),
        ("cd nowhere && echo a; echo b", 127, "", "there is no folder “nowhere”"),
    ],
)
def test_a_launcher_goes_on_as_a_shell_would(
    launcher: list[str], line: str, code: int, out: str, err: str, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    running = launched(launcher, line, tmp_path)
    said, complained = running.communicate()
    assert (running.returncode, said) == (code, out), complained
    assert err in complained


def test_a_launcher_passes_term_on_and_starts_nothing_more(launcher: list[str], tmp_path: Path) -> None:
    running = launched(
        launcher, "sh -c 'trap \"echo told; exit 0\" TERM; echo waits; while :; do sleep 0.01; done' && echo b", tmp_path
    )
    assert running.stdout
    assert running.stdout.readline() == "waits\n"
    running.send_signal(signal.SIGTERM)
    assert running.communicate()[0] == "told\n"
    assert running.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)
