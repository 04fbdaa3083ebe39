"""Programs run during a build: their lines, their limits, and that nothing of them stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from fairway.drivers.builders.build_env import failure_of
from fairway.drivers.builders.running import Ceiling, Finished, group_memory, run
from fairway.drivers.builders.surroundings import build_environment, masker_for
from fairway.shared.failures import Cancelled, NeedsPerson, Refused, Retry
from fairway.shared.masking import MASK, Masker
from tests.services.waiting import eventually

from .conftest import Heard

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def python(code: str, heard: Heard, tmp_path: Path, **options: object) -> tuple[int, tuple[str, ...]]:
    finished = run((sys.executable, "-u", "-c", code), cwd=tmp_path, env=ENVIRONMENT, progress=heard, **options)  # type: ignore[arg-type]
    return finished.code, finished.tail


def test_lines_come_as_they_are_printed(tmp_path: Path, heard: Heard) -> None:
    code = (
        "import sys; print('one'); print('10%\\r20%\\rdone'); sys.stderr.write('\\x1b[31mred\\x1b[0m no end'); sys.exit(3)"
    )
    assert python(code, heard, tmp_path) == (3, ("one", "done", "\x1b[31mred\x1b[0m no end"))
    assert heard.lines == ["one", "done", "\x1b[31mred\x1b[0m no end"]


def test_secrets_are_masked_on_the_way(tmp_path: Path, heard: Heard) -> None:
    mask = masker_for({"UV_INDEX_URL": "https://me:top-s3cret@index.example/simple"})
    python("print('fetching https://me:top-s3cret@index.example')", heard, tmp_path, mask=mask)
    assert heard.lines == ["fetching https://me:••••@index.example"]


def test_what_a_program_leaves_behind_is_ended(tmp_path: Path, heard: Heard) -> None:
    code = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    os.close(1); os.close(2); time.sleep(600)\n"
        "print(os.getpgrp())\n"
    )
    _, tail = python(code, heard, tmp_path)
    assert group_memory(int(tail[0])) == 0


DAEMON = """
import os, pathlib, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 3)
        pathlib.Path('pid').write_text(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not pathlib.Path('pid').exists() or not pathlib.Path('pid').read_text():
    time.sleep(0.01)
"""


def is_gone(noted: Path) -> bool:
    return not Path("/proc", noted.read_text(), "cmdline").exists()


@pytest.mark.parametrize("how", ["ends", "is cancelled"])
def test_a_daemon_that_left_the_group_ends_with_the_program(tmp_path: Path, how: str) -> None:
    heard = Heard(cancel_when=lambda line: line == "cancel me")
    if how == "ends":
        assert python(DAEMON, heard, tmp_path)[0] == 0
    else:
        with pytest.raises(Cancelled):
            python(DAEMON + "print('cancel me')\ntime.sleep(600)", heard, tmp_path)
    assert is_gone(tmp_path / "pid")


def test_a_program_is_found_in_the_folder_it_runs_in(tmp_path: Path, heard: Heard) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\necho here\n")
    (tmp_path / "tool").chmod(0o755)
    assert run(("./tool",), cwd=tmp_path, env=ENVIRONMENT, progress=heard).code == 0
    assert heard.lines == ["here"]


def test_a_program_that_closed_its_output_is_still_watched(tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(Refused, match="longer than"):
        python("import os, time; os.close(1); os.close(2); time.sleep(600)", heard, tmp_path, ceiling=Ceiling(seconds=1.0))


def test_too_much_memory_ends_it(tmp_path: Path, heard: Heard) -> None:
    code = "import subprocess, sys, time\nkeep = 'x = bytearray(60_000_000); import time; time.sleep(600)'\n"
    code += "[subprocess.Popen([sys.executable, '-c', keep]) for _ in range(3)]\ntime.sleep(600)\n"
    with pytest.raises(Refused, match="MiB of memory"):
        python(code, heard, tmp_path, ceiling=Ceiling(seconds=60.0, memory_bytes=120_000_000))


def test_cancelling_gives_time_to_end_well(tmp_path: Path) -> None:
    heard = Heard(cancel_when=lambda line: line == "ready")
    code = (
        "import signal, sys, time, pathlib\n"
        "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path('ended').touch(), sys.exit()))\n"
        "print('ready')\ntime.sleep(600)\n"
    )
    with pytest.raises(Cancelled):
        python(code, heard, tmp_path)
    assert (tmp_path / "ended").exists()


def test_a_missing_program_needs_a_person(tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(NeedsPerson, match="no-such-program"):
        run(("no-such-program",), cwd=tmp_path, env=ENVIRONMENT, progress=heard)


def test_the_environment_of_a_build_is_small(tmp_path: Path) -> None:
    ours = {
        "FAIRWAY_KEY": "x",
        "AWS_SECRET": "x",
        "HTTPS_PROXY": "http://proxy",
        "UV_INDEX_URL": "i",
        "PATH": "/usr/bin",
        "HOME": "/none",
    }
    environment = build_environment(tmp_path, ours)
    assert environment["HTTPS_PROXY"] == "http://proxy"
    assert environment["UV_INDEX_URL"] == "i"
    assert environment["HOME"] == str(tmp_path)
    assert not {"FAIRWAY_KEY", "AWS_SECRET"} & set(environment)


def test_what_an_ending_means(tmp_path: Path, heard: Heard) -> None:
    for line, kind in (
        ("npm ERR! ENOTFOUND registry", Retry),
        ("No space left on device", NeedsPerson),
        ("SyntaxError", Refused),
    ):
        finished = run((sys.executable, "-c", f"print({line!r}); exit(2)"), cwd=tmp_path, env=ENVIRONMENT, progress=heard)
        failure = failure_of(finished, "npm ci")
        assert type(failure) is kind
        assert failure.detail == line
    for name, why in (("EAI_AGAIN github.com", "github.com"), ("ENOTFOUND registry.npmjs.org", "registry.npmjs.org")):
        away = failure_of(Finished(1, (f"npm error request failed, reason: getaddrinfo {name}",)), "npm install")
        assert (type(away), away.sentence) == (Retry, f"npm install could not reach {why}; it is tried again.")
    unknown = failure_of(Finished(1, ("sharp: Installation error: getaddrinfo ENOTFOUND github.com",)), "npm install")
    assert type(unknown) is Refused, "asking again does not change it, and each time all is installed anew"
    assert unknown.sentence.startswith("npm install downloads from github.com, a name that this machine does not know:")


def test_a_program_ends_with_the_worker_that_started_it(tmp_path: Path) -> None:
    """A worker is killed in the middle of a build: what it started must not go on writing."""
    starter = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from fairway.drivers.builders.running import run
        from fairway.drivers.runtimes.contract import NullProgress
        note = "import pathlib, time\\npathlib.Path('ready').touch()\\ntime.sleep(600)"
        run([sys.executable, "-c", sys.argv[1] + note], cwd=Path.cwd(), env={}, progress=NullProgress())
        """
    )
    with subprocess.Popen([sys.executable, "-c", starter, DAEMON], cwd=tmp_path) as worker:
        eventually((tmp_path / "ready").exists)
        worker.kill()
    eventually(lambda: is_gone(tmp_path / "pid"))


def test_what_must_not_be_seen_is_masked_before_anything_is_cut(tmp_path: Path, heard: Heard) -> None:
    """A carriage return inside it, and a line without end that is cut where it stands."""
    code = "print('pass hun' + chr(13) + 'ter22!'); print('x' * 7993 + ' hunter22! and ' + 'y' * 9000, end='')"
    mask = Masker(["hunter22!"])
    run((sys.executable, "-c", code), cwd=tmp_path, env=ENVIRONMENT, progress=heard, mask=mask)
    assert heard.lines[0].endswith(MASK)
    assert not any(part in line for line in heard.lines for part in ("hunt", "ter2", "r22!"))
    assert sum(map(len, heard.lines)) > 15_000


def test_what_has_no_newline_is_shown_while_it_waits(tmp_path: Path) -> None:
    class Answering:
        """Lets the program end once its question was heard."""

        def __init__(self) -> None:
            self.lines: list[str] = []

        def line(self, text: str, *, stream: str = "stdout") -> None:
            self.lines.append(text)
            (tmp_path / "heard").touch()

        def check(self) -> None: ...

    heard = Answering()
    code = (
        "import os, sys, time; w = os.write; w(1, '10 %\\r20 %\\rName of the café'.encode() + '€'.encode()[:1])\n"
        "while not os.path.exists('heard'): time.sleep(0.02)\n"
        "w(1, '€'.encode()[1:] + b' ok\\n')"
    )
    python(code, heard, tmp_path)  # type: ignore[arg-type]
    assert heard.lines == ["Name of the café", "€ ok"]


def test_a_long_line_is_never_cut_inside_a_character(tmp_path: Path, heard: Heard) -> None:
    python("import os; os.write(1, b'a' + '€'.encode() * 9000 + b'\\n')", heard, tmp_path)
    assert "�" not in "".join(heard.lines)
    assert set("".join(heard.lines)) == {"a", "€"}


def test_output_that_is_read_is_never_cut(tmp_path: Path, heard: Heard) -> None:
    code = "import os, time; os.write(1, b'{\"a\":'); time.sleep(1.3); os.write(1, b'1}\\n')"
    finished = run((sys.executable, "-c", code), cwd=tmp_path, env=ENVIRONMENT, progress=heard, keep_output=True)
    assert finished.output == '{"a":1}\n'
