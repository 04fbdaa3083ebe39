"""Rules about the code itself that no single test would notice."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fairway.drivers.resources.engines import ENGINES

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "fairway"
ROOMS = [
    "accounts",
    "activity",
    "applications",
    "config",
    "deployments",
    "engine",
    "environments",
    "monitoring",
    "releases",
    "shared",
    "workflows",
    "worker",
]
PURE = sorted(SOURCE.glob("*/rules.py"))


def modules() -> list[Path]:
    return [path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts]


def test_imports_point_downwards_only():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.parent.name)
def test_rules_are_pure(path):
    imported = {name.partition(".")[0] for name in _imports(path)}
    assert not imported & {"django", "ninja", "docker", "httpx", "subprocess", "socket"}


def test_nothing_ever_starts_a_shell():
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _starts_a_shell(node):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found


def test_rows_are_locked_in_the_way_that_references_do_not_wait_for():
    """PostgreSQL checks a reference by locking the row it points to, at COMMIT; a plain FOR UPDATE on that row makes the
    commit wait, and whoever has it and waits for the chain's head, which that commit holds, is a deadlock (seen)."""
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            said = ast.unparse(node)
            if said.rpartition("(")[0].endswith(".select_for_update") and "no_key=True" not in said:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found


def _starts_a_shell(node: ast.Call) -> bool:
    name = ast.unparse(node.func)
    says_shell = any(
        word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
        for word in node.keywords
    )
    return says_shell or name in {
        "os.system",
        "os.popen",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "commands.getoutput",
    }


def test_no_template_trusts_what_it_is_given():
    """`|safe` and `autoescape off` are how a name with a script in it reaches a page."""
    found = [
        str(path.relative_to(ROOT))
        for path in SOURCE.rglob("*.html")
        if any(word in path.read_text() for word in ("|safe", "autoescape off"))
    ]
    assert not found


def test_no_template_carries_script_or_style_of_its_own():
    """The content security policy would refuse them; better to notice here."""
    # Served by the proxy without a policy, self-contained on purpose; and read by mail programs, which fetch no style sheet.
    allowed = {"src/fairway/drivers/proxy/pages", "src/fairway/web/templates/mail"}
    found = []
    for path in SOURCE.rglob("*.html"):
        place = str(path.relative_to(ROOT))
        text = path.read_text()
        if any(place.startswith(folder) for folder in allowed):
            continue
        if "<style" in text or ' style="' in text or " onclick=" in text or "javascript:" in text:
            found.append(place)
    assert not found


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_owns(room):
    assert len((SOURCE / room / "README.md").read_text().splitlines()) >= 3


TABLES = {"web/failure_templates.py"}  # one sentence a line, which nobody reads from top to bottom


def test_nothing_but_its_driver_names_an_engine():
    """A new engine is a driver and its description: rooms, workflows and pages of resources ask that."""
    names = {name for one in ENGINES.values() for name in (one.kind, one.kind.upper(), one.label)}
    places = ("resources/*.py", "workflows/*.py", "worker/*.py", "web/presenters/resources.py", "web/views/resources.py")
    found = []
    for path in (path for place in places for path in SOURCE.glob(place)):
        for node in ast.walk(ast.parse(path.read_text())):
            word = node.id if isinstance(node, ast.Name) else node.value if isinstance(node, ast.Constant) else None
            if isinstance(word, str) and word in names:
                found.append(f"{path.relative_to(ROOT)}: {word}")
    assert not found


def test_no_file_grows_past_one_room():
    """About 400 lines; a longer file is two rooms."""
    lengths = {str(path.relative_to(SOURCE)): len(path.read_text().splitlines()) for path in modules()}
    long = {path: lines for path, lines in lengths.items() if lines > 480 and path not in TABLES}
    assert not long


def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found


def test_nothing_cites_papers_that_are_not_here() -> None:
    """Whoever reads the code can follow every source it names."""
    cited = re.compile(r"\b(?:DESIGN|FIELD)(?:\.md| §)")
    folders = ["*.md", "*.toml", "docs/**/*.md", "src/**/*.py", "tests/**/*.py"]
    kept = [place for pattern in folders for place in ROOT.glob(pattern)]
    assert [place.name for place in kept if cited.search(place.read_text(encoding="utf-8"))] == []
