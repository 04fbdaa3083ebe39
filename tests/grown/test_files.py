"""What the guide gives away to copy: each command is one, each variable is read, and started as written it runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from fairway.cli.main import app
from tests.services.installation import ask, wait_for
from tests.services.ports import free_port
from tests.services.postgres import Postgres, postgres_server  # noqa: F401
from tests.services.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "guides" / "growing"
UNITS = sorted(FOLDER.glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
VARIABLE = re.compile(r"FAIRWAY_[A-Z_]+")


def parsed(words: list[str]) -> dict[str, Any]:
    """What the program understands of these words. Raises Typer's own error for an option it does not have."""
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found: dict[str, Any] = commands[words[0]].make_context(words[0], list(words[1:])).params
    return found


def of_unit(place: Path) -> list[str]:
    line = re.search(r"^ExecStart=(.*)$", place.read_text(), re.MULTILINE)
    assert line is not None
    words = shlex.split(line[1])
    assert words[0] == "/opt/fairway/bin/fairway"
    return words[1:]


def test_the_commands_of_the_files_are_commands_of_the_program() -> None:
    understood = parsed(COMPOSE["services"]["fairway"]["command"])
    assert (understood["web"], understood["workers"], str(understood["data"])) == (2, 3, "/data")
    by_unit = {place.stem: parsed(of_unit(place)) for place in UNITS}
    assert (by_unit["fairway"]["web"], by_unit["fairway"]["workers"]) == (2, 3)
    assert (by_unit["fairway-web"]["web"], by_unit["fairway-web"]["workers"]) == (2, 0)
    assert len({str(params["data"]) for params in by_unit.values()}) == 1
    with pytest.raises(Exception, match="No such option"):
        parsed(["up", "--only", "worker"])


def test_every_variable_that_files_and_guides_name_is_read_somewhere() -> None:
    places = [*FOLDER.iterdir(), *(FOLDER.parent / f"{name}.md" for name in ("growing", "backup", "configuration"))]
    named = {name for place in places for name in VARIABLE.findall(place.read_text())}
    code = [place for folder in ("src", "benchmarks", "tests") for place in (ROOT / folder).rglob("*.py")]
    read = {name for place in code for name in VARIABLE.findall(place.read_text())}
    assert "FAIRWAY_DATABASE_URL" in named
    assert named <= read


def test_the_compose_file_holds_together() -> None:
    services = COMPOSE["services"]
    mounted = {volume.partition(":")[0] for one in services.values() for volume in one["volumes"]}
    assert mounted == set(COMPOSE["volumes"])
    fairway = services["fairway"]
    assert set(fairway["depends_on"]) <= set(services)
    words = fairway["command"]
    inside = {words[words.index(option) + 1] for option in ("--port", "--proxy-port")}
    assert {port.partition(":")[2] for port in fairway["ports"]} == inside
    built = (FOLDER / fairway["build"]["context"]).resolve()
    assert built == ROOT
    assert (built / fairway["build"]["dockerfile"]).is_file()
    for line in re.findall(r"^COPY (.*)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split()[:-1]), line


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_units_are_units(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("fairway")
    for place in FOLDER.glob("fairway*.*"):
        if place.suffix in {".service", ".timer"}:
            text = place.read_text().replace("/opt/fairway/bin/fairway", str(program)).replace("User=fairway", "User=root")
            (tmp_path / place.name).write_text(text)
    units = [str(place) for place in sorted(tmp_path.iterdir())]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], check=False, capture_output=True, text=True, timeout=60
    )
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "fairway" in line]
    assert not complaints, done.stderr


@pytest.mark.postgres
def test_the_command_of_the_compose_file_runs_as_it_is_written(postgres_server: Postgres, tmp_path: Path) -> None:  # noqa: F811
    service = COMPOSE["services"]["fairway"]
    port, proxy_port = free_port(), free_port()
    exchanged = {"/data": str(tmp_path / "data"), "8000": str(port), "8080": str(proxy_port), "0.0.0.0": "127.0.0.1"}
    words = [exchanged.get(word, word) for word in service["command"]]
    given = {**service["environment"], "FAIRWAY_DATABASE_URL": postgres_server.create_database("composed")}
    given["FAIRWAY_PROXY_BINDS"] = "127.0.0.1"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRWAY_")} | given
    program = [sys.executable, "-m", "fairway.cli.main"]
    with subprocess.Popen([*program, *words], env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(
                lambda: ask(port, "GET", "/api/v1/health", {"Host": "localhost"}).status == 200, "it answers", seconds=90
            )
            run_file = tmp_path / "data" / "run" / "fairway.json"
            wait_for(lambda: len(json.loads(run_file.read_text()).get("processes", {})) == 5, "five processes")
        finally:
            done = subprocess.run(
                [*program, "down", "--data", tmp_path / "data"], env=environment, check=False, timeout=PATIENCE
            )
        assert done.returncode == 0
        assert process.wait(timeout=PATIENCE) == 0
