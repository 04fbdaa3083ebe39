"""How the tests themselves are chosen, spread and waited for."""

from __future__ import annotations

import ast
import itertools
import re
import socket
import subprocess
import sys
import tempfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from types import SimpleNamespace

import grimp
import pytest

from tests import quick, skipping
from tests.naming import unsteady
from tests.scheduling import ByNeed
from tests.services import ports, sharing
from tests.services.waiting import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*quick.PACKAGES)


def chosen(graph: grimp.ImportGraph, *files: str) -> list[str]:
    return quick.affected(graph, quick.modules_of(files))


def test_a_changed_test_comes_first_and_what_imports_the_changed_code_follows(graph):
    found = chosen(graph, "src/fairway/deployments/rules.py", "tests/deployments/test_rules.py")
    assert found[0] == "tests/deployments/test_rules.py"
    assert {"tests/deployments/test_gate.py", "tests/web/test_acts.py"} <= set(found)


def test_a_page_or_a_style_is_about_its_room(graph):
    for file in ("src/fairway/web/templates/home.html", "src/fairway/web/static/css/base.css"):
        assert "tests/web/test_pages.py" in chosen(graph, file)


def test_a_conftest_is_about_all_tests_beside_it(graph):
    assert "tests/engine/test_steps.py" in chosen(graph, "tests/engine/conftest.py")
    everything = chosen(graph, "tests/conftest.py")
    assert {"tests/engine/test_steps.py", "tests/web/test_pages.py", "tests/shared/test_names.py"} <= set(everything)


def test_what_starts_programs_is_never_quick_and_documents_affect_no_test(graph):
    found = chosen(graph, "tests/conftest.py", "src/fairway/shared/names.py", "tests/services/docker.py")
    assert not [file for file in found if file.startswith(("tests/journeys", "tests/examples", "tests/workflows"))]
    assert "tests/drivers/builders/test_image.py" not in found
    assert chosen(graph, "README.md", "docs/glossary.md") == []


def test_every_test_file_is_known_to_the_graph(graph):
    theirs = ROOT / "tests/corpus/apps"  # applications, with tests of their own
    there = {str(one.relative_to(ROOT)) for one in (ROOT / "tests").rglob("test_*.py") if not one.is_relative_to(theirs)}
    known = {f"{module.replace('.', '/')}.py" for module in graph.modules}
    assert there <= known, "a folder of tests lacks its __init__.py"


class Node:
    """A process of pytest-xdist as the scheduler sees it."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.given: list[str] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += [str(index) for index in indices]


def spread(seconds: dict[str, float], processes: int) -> list[list[str]]:
    """Which files each process gets when all files take as long as expected: a simulation by the clock of the files."""
    scheduler = ByNeed(
        SimpleNamespace(getvalue=lambda name: ["popen"] * processes, option=None), SimpleNamespace(loadscopesched=None)
    )
    scheduler._seconds = seconds
    scheduler.workqueue = OrderedDict((file, {f"{file}::test": False}) for file in seconds)
    nodes = [Node(str(number)) for number in range(processes)]
    for node in nodes:
        scheduler.assigned_work[node] = {}
        scheduler.registered_collections[node] = [f"{file}::test" for file in seconds]
    busy_until = dict.fromkeys(nodes, 0.0)
    given: dict[Node, list[str]] = {node: [] for node in nodes}
    while scheduler.workqueue:
        node = min(nodes, key=lambda one: busy_until[one])
        before = set(scheduler.workqueue)
        scheduler._assign_work_unit(node)
        (file,) = before - set(scheduler.workqueue)
        given[node].append(file)
        busy_until[node] += seconds[file]
    return [given[node] for node in nodes]


def test_long_work_goes_first_and_a_shared_installation_stays_in_one_process():
    workflows = {f"tests/workflows/test_{number}.py": 30.0 for number in range(3)}
    rooms = {f"tests/web/test_{number}.py": 10.0 for number in range(9)}
    first, second = spread({**rooms, "tests/engine/test_long.py": 60.0, **workflows}, processes=2)
    assert first[:3] == list(workflows), "together they take longest"
    assert second[0] == "tests/engine/test_long.py"


def test_a_process_without_work_takes_over_from_anothers_home():
    workflows = {f"tests/workflows/test_{number}.py": 30.0 for number in range(6)}
    shares = spread(workflows, processes=2)
    assert sorted(itertools.chain(*shares)) == sorted(workflows)
    assert [len(share) for share in shares] == [3, 3]


def test_who_took_over_goes_on_in_the_same_home():
    """Its installation would end, and begin again, with each change."""
    workflows = {f"tests/workflows/test_{number}.py": 30.0 + number for number in range(8)}
    examples = {f"tests/examples/test_{number}.py": 30.5 + number for number in range(8)}
    shares = spread({**workflows, **examples, "tests/web/test_one.py": 40.0}, processes=3)
    homes = [[home for home, _ in itertools.groupby(file.split("/")[1] for file in share)] for share in shares]
    assert max(len(share) for share in homes) <= 3, homes


NOW = 1_796_019_468.0


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_a_name_with_the_moment_of_its_collection_is_found(unit):
    name = f"tests/test_one.py::test_it[{{'exp': {int(NOW + 3600) * unit}}}-expired]"
    assert unsteady([name, "tests/test_one.py::test_other"], now=NOW) == [name]


def test_a_name_with_something_of_one_process_is_found():
    names = [f"tests/test_one.py::test_it[{one}]" for one in (repr(object()), f"{tempfile.mktemp()}/x")]
    assert unsteady(names, now=NOW) == names


@pytest.mark.parametrize("parameter", ["2130706433", "0x7f000001", "1700000000 +0999", "5368709120-5.0 GB", "touch /tmp/x"])
def test_other_numbers_and_paths_are_fine_in_a_name(parameter):
    assert unsteady([f"tests/test_one.py::test_it[{parameter}]"], now=NOW) == []


def test_what_the_run_shares_is_started_once_and_a_failure_is_told_to_everybody(monkeypatch, tmp_path):
    monkeypatch.setitem(sharing.STARTERS, "thing", "tests.architecture.test_running_tests:starting")
    monkeypatch.setitem(sharing.STARTERS, "broken", "tests.architecture.test_running_tests:breaking")
    owner = sharing.Owner()
    assert owner.answer(["thing", "a"]) == owner.answer(["thing", "a"]) == {"facts": {"name": "a", "number": 1}}
    assert owner.answer(["thing", "b"])["facts"]["number"] == 2
    assert "it is broken" in owner.answer(["broken"])["fail"]
    owner.end()
    assert sorted(ENDED) == ["a", "b"]


STARTED = itertools.count(1)
ENDED: list[str] = []


@sharing.contextmanager
def starting(name: str):
    yield {"name": name, "number": next(STARTED)}
    ENDED.append(name)


@sharing.contextmanager
def breaking():
    raise OSError("it is broken")
    yield {}


def test_what_never_comes_is_named():
    with pytest.raises(AssertionError, match="in vain: the ship"):
        eventually(lambda: False, "the ship", seconds=0)
    assert eventually(iter([0, 0, 7]).__next__) == 7


@pytest.mark.parametrize(
    ("is_strict", "reason", "becomes"),
    [
        (True, "needs Landlock", "failed"),
        (True, "runs on PostgreSQL; see tests/postgres", "skipped"),
        (False, "needs Landlock", "skipped"),
    ],
)
def test_where_services_are_required_a_test_may_not_skip_itself(monkeypatch, is_strict, reason, becomes):
    monkeypatch.setattr(skipping, "IS_STRICT", is_strict)
    report = SimpleNamespace(skipped=True, outcome="skipped", longrepr=("test_it.py", 1, f"Skipped: {reason}"))
    hook = skipping.pytest_runtest_makereport(SimpleNamespace(nodeid="test_it"))
    next(hook)
    with pytest.raises(StopIteration) as done:
        hook.send(report)
    assert done.value.value.outcome == becomes


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/**/*.py")) + sorted(ROOT.glob("benchmarks/*.py")), ids=str)
def test_no_port_is_given_back_to_the_kernel_before_it_is_used(path):
    """What bind(0) gave is anybody's as soon as its socket is closed; `tests.services.ports` gives ports that stay free."""
    found = [
        node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.With) and _only_looks(node)
    ]
    assert not found, f"{path}: lines {found}; ask free_port() instead"


def _only_looks(node: ast.With) -> bool:
    """Whether the block ends by asking for the port of the socket that it closes."""
    opens = any("socket" in ast.unparse(item.context_expr) for item in node.items)
    last = node.body[-1]
    return opens and isinstance(last, ast.Assign | ast.Return) and "getsockname" in ast.unparse(last)


def test_ports_of_several_processes_are_never_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "LAST", tmp_path / "last")
    monkeypatch.setattr(ports, "LOWEST", ports.HIGHEST - 40)
    program = "from tests.services import ports; print(*[ports.free_port() for _ in range(20)])"
    asked = [
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    given = [port for one in asked for port in one.communicate()[0].split()]
    assert len(set(given)) == len(given) == 60
    with socket.create_server(("127.0.0.1", first := ports.free_port())):
        assert first not in {ports.free_port() for _ in range(80)}  # twice around, past the one in use


def test_journeys_give_their_applications_names_of_their_own():
    """They share an installation, in an order that nobody knows: what one made is in the way of another."""
    made = re.compile(r"""\b(?:made|create)\(\s*(?:fairway|self\.fairway)?,?\s*"([a-z][a-z0-9-]*)\"""")
    users: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "tests" / "journeys").glob("test_*.py"):
        for name in made.findall(path.read_text()):
            users[name].add(path.name)
    assert users
    assert {name: files for name, files in users.items() if len(files) > 1} == {}
