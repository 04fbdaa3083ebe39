"""Whatever starts a program says what that program's environment is: none is inherited by accident."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "fairway"
STARTERS = {
    *("subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call", "subprocess.check_output"),
    *("asyncio.create_subprocess_exec", "os.posix_spawn", "os.posix_spawnp", "os.execve", "os.execvpe"),
}
NEVER = {
    *("os.system", "os.popen", "os.execv", "os.execvp", "os.execl", "os.execlp", "os.spawnv", "os.spawnl", "os.spawnvp"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell", "pty.spawn"),
}
LAST_WORDS = {name.rpartition(".")[2] for name in STARTERS | NEVER}
Call = tuple[Path, ast.Call, str]


def calls() -> Iterator[Call]:
    """Every call in the drivers that starts a program."""
    for path in sorted((SOURCE / "drivers").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LAST_WORDS):
                continue  # unparsing each call takes every process of a run a second
            if (name := ast.unparse(node.func)) in STARTERS | NEVER:
                yield path, node, name


FOUND = list(calls())


def test_the_drivers_start_programs_where_this_test_looks() -> None:
    """Else the others would pass because they saw nothing; an aliased import would hide a call from them."""
    assert len(FOUND) >= 9
    for path in (SOURCE / "drivers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom | ast.Import) else set()
            if isinstance(node, ast.ImportFrom) and node.module in {"subprocess", "os", "pty"}:
                assert not names & {"run", "Popen", "call", "check_output", "system", "execv", "execve", "spawnv"}, path
            if isinstance(node, ast.Import):
                assert not any(alias.asname for alias in node.names if alias.name in {"subprocess", "os"}), path


@pytest.mark.parametrize("call", FOUND, ids=lambda call: f"{call[0].relative_to(SOURCE)}:{call[1].lineno}")
def test_every_program_is_started_with_an_environment_of_its_own(call: Call) -> None:
    path, node, name = call
    assert name in STARTERS, f"{name} inherits our environment, or asks a shell"
    given = [word.value for word in node.keywords if word.arg == "env"]
    if name.startswith("os."):
        given = [node.args[2]]
    assert given, f"{path.name}:{node.lineno} inherits our environment; give `env`"
    assert "os.environ" not in ast.unparse(given[0]), f"{path.name}:{node.lineno} hands on our whole environment"
    assert not any(word.arg == "shell" for word in node.keywords)
