"""Everything that reads what comes from outside is fed with input that is small and means to be expensive.

Work is counted in lines executed, not in seconds: a machine may be busy. Counting makes Python twenty times slower, so only
what does not end at once is counted. What no line shows (a regular expression that backtracks) is tried in a process of its
own with a generous net.
"""

from __future__ import annotations

import ast
import gc
import inspect
import json
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairway.activity.heads import parse_head
from fairway.cli.audit_file import verify_lines
from fairway.drivers.builders.detection import detect as detection
from fairway.drivers.builders.detection.compose import parse_compose
from fairway.drivers.builders.detection.compose_values import byte_size, seconds
from fairway.drivers.builders.detection.procfile import parse_procfile
from fairway.drivers.builders.fetch_url import parse_archive_url, parse_checksum
from fairway.drivers.builders.git_url import parse_git_url
from fairway.environments.freeze_rules import parse_wall, parse_zone
from fairway.environments.recurrence import parse_recurrence
from fairway.environments.rules import parse_environment_host
from fairway.releases.manifest import parse_pasted, parse_release
from fairway.releases.source_input import parse_source_input
from fairway.shared import names, yaml_with_lines
from fairway.shared.failures import Failure

SOURCES = Path(inspect.getfile(yaml_with_lines)).parents[1]
MOST_LINES = 6_000_000  # lines of Python that are executed; some seconds. 3,000 nested “[” alone once took far more
AT_ONCE = 0.2  # seconds that this process computes; 6,000,000 lines take longer (PyYAML's 45 ns each on a fast machine)


class TooMuchWork(Exception):
    """The parser was stopped at `MOST_LINES`."""


class NotAtOnce(BaseException):
    """The parser was stopped after `AT_ONCE`. No parser catches it."""


@contextmanager
def counted(most: int = MOST_LINES) -> Iterator[None]:
    lines = 0

    def count(frame: object, event: str, argument: object) -> object:
        nonlocal lines
        lines += 1
        if lines == most:
            raise TooMuchWork
        return count

    before = sys.gettrace()
    sys.settrace(count)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.settrace(before)


def ends_at_once(work: Callable[[], object]) -> bool:
    """Whether `work` ends, in whatever way, before it could have executed `MOST_LINES`."""
    is_running = True

    def stop(_: int, frame: FrameType | None) -> None:
        if is_running and not is_cleaning_up(frame):
            raise NotAtOnce

    before, collects = signal.signal(signal.SIGVTALRM, stop), gc.isenabled()
    try:
        gc.disable()  # what the collector calls would lose the error
        signal.setitimer(signal.ITIMER_VIRTUAL, AT_ONCE, AT_ONCE)  # repeated: the first may find it cleaning up
        with suppress(ValueError, Failure):
            work()
        is_running = False
    except NotAtOnce:
        return False
    finally:
        is_running = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        if collects:
            gc.enable()
    return True


def is_cleaning_up(frame: FrameType | None) -> bool:
    """Whether this frame was called by a finalizer, whose errors Python prints and drops."""
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_code is weakref.finalize.__call__.__code__:
            return True
        frame = frame.f_back
    return False


def detect(name: str) -> Callable[[str], object]:
    """What `fairway deploy` makes of a folder that holds this one file, and what belongs to it."""

    def read(text: str, folder: Path) -> object:
        (folder / name).write_text(text, errors="replace")
        for other, content in {"requirements.txt": "flask\n", "main.py": "print(1)\n"}.items():
            if not (folder / other).exists():
                (folder / other).write_text(content)
        return detection.detect(folder)

    read.__name__ = name
    return read  # type: ignore[return-value]


FILES = ["Dockerfile", "compose.yaml", "Procfile", "requirements.txt", "pyproject.toml", "package.json", "package-lock.json",
         "uv.lock", "poetry.lock", "Pipfile", "main.py", "app.py", "index.html", "runtime.txt", ".python-version", ".nvmrc",
         "manage.py", "setup.py", ".dockerignore", "VERSION", "fairway.yaml"]  # fmt: skip
PARSERS: dict[str, Callable[[str], object]] = {
    "compose": parse_compose,
    "yaml": lambda text: yaml_with_lines.root_of(text, "file"),
    "release": parse_release,
    "pasted packages": parse_pasted,
    "entered source": parse_source_input,
    "procfile": parse_procfile,
    "recurrence": lambda text: parse_recurrence(text, ZoneInfo("Europe/Paris")),
    "zone": parse_zone,
    "wall time": lambda text: parse_wall(text, field="starts"),
    "environment host": parse_environment_host,
    "git address": parse_git_url,
    "archive address": parse_archive_url,
    "checksum": parse_checksum,
    "size": byte_size,
    "duration": seconds,
    "slug": names.parse_slug,
    "slug from": names.slug_from,
    "host": names.parse_hostname,
    "git ref": names.parse_git_ref,
    "image": names.parse_image,
    "variable": names.parse_variable,
    "relative path": names.parse_relative_path,
    "port": names.parse_port,
    "username": names.parse_username,
    "text": lambda text: names.parse_text(text, field="text", longest=500),
    "head": parse_head,
    "exported event": lambda text: verify_lines(text.splitlines()),
}
SIZE = 20_000  # characters; below what every file may have
ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join(f'*a{n - 1}' for _ in range(9))}]\n" for n in range(1, 12)
)
NASTY: dict[str, str] = {
    "nested [": "[" * 3000,
    "many nested [": "[" * SIZE,
    "nested [ by lines": "[\n" * (SIZE // 2),
    "nested {": "{a: " * (SIZE // 4),
    "nested { unclosed": "{" * SIZE,
    "nested -": "- " * (SIZE // 2),
    "nested ? ": "? " * (SIZE // 2),
    "nested blocks": "".join(f"{' ' * n}a:\n" for n in range(300)),
    "aliases of aliases": ALIASES + "services: {web: {image: nginx, environment: *a11}}\n",
    "an alias of itself": "services: &a\n  web: *a\n",
    "a list in itself": "x: &a [*a, *a]\n",
    "many small values": "[" + "1," * (SIZE // 2),
    "many keys": "".join(f"k{n}: 1\n" for n in range(2500)),
    "the same key": "a: 1\n" * (SIZE // 5),
    "anchors": "".join(f"- &a{n} x\n" for n in range(2000)),
    "tags": "!!a " * (SIZE // 4),
    "long key": "a" * SIZE + ": 1",
    "quotes": '"' * SIZE,
    "escapes": '"' + "\\u0041" * (SIZE // 6),
    "nested JSON": "[" * (SIZE // 2) + "]" * (SIZE // 2),
    "nested JSON objects": '{"a":' * (SIZE // 5) + "1" + "}" * (SIZE // 5),
    "in an object": '{"dependencies": ' + "[" * 20_000 + "]" * 20_000 + "}",
    "deep TOML": "a = " + "[" * (SIZE // 2),
    "TOML tables": "[" + ".".join(["a"] * 400) + "]\n",
    "TOML keys": "\n".join(f"a{'.b' * 100}.c{n} = 1" for n in range(100)),
    "digits": "9" * SIZE,
    "a number with an exponent": "1e" + "9" * 1000,
    "letters": "a" * SIZE,
    "hyphens": "a-" * (SIZE // 2),
    "dots": "a." * (SIZE // 2),
    "slashes": "a/" * (SIZE // 2),
    "underscores": "_" * SIZE + "!",
    "spaces": " " * SIZE + "x",
    "tabs and lines": "\t\n" * (SIZE // 2),
    "continued lines": "RUN a \\\n" * (SIZE // 8),
    "expose": "EXPOSE " * (SIZE // 7),
    "variables": "$" * SIZE,
    "percent": "%41" * (SIZE // 3),
    "combining": "e" + "\u0301" * (SIZE // 2),
    "growing letters": "\ufdfa" * 3000,  # one sign that becomes eighteen
    "nothing": "\x00" * 1000,
    "a rule of recurrence": "FREQ=SECONDLY;INTERVAL=1;BYSETPOS=" + ",".join(map(str, range(1, 367))),
    "a rule that never happens": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "a rule of everything": "FREQ=DAILY;" + ";".join(f"BYHOUR={','.join(map(str, range(24)))}" for _ in range(1)),
    "brackets": "flask[" * (SIZE // 6),
    "requirements": "".join(f"p{n}[a,b]>=1,<2; python_version < '3'\n" for n in range(400)),
    "includes of itself": "-r requirements.txt\n-c requirements.txt\n" * 100,
    "an image": "a/" * 200 + "a:" + "t" * 200 + "@sha256:" + "0" * 64,
    "python": "(" * 5000,
    "python blocks": "".join(f"{' ' * n}if a:\n" for n in range(90)),
    "python sums": "x = " + "+".join(["1"] * 4_000),
    "python attributes": "a" + ".b" * 4_000,
}  # fmt: skip


def read(parse: Callable[[str], object], text: str) -> None:
    """A result, or a refusal; nothing else, and no more work than `MOST_LINES`."""
    if ends_at_once(lambda: parse(text)):
        return
    try:
        with counted():
            parse(text)
    except (ValueError, Failure):
        pass


@pytest.mark.parametrize("what", PARSERS)
def test_no_small_text_costs_much(what):
    for name, text in NASTY.items():
        try:
            read(PARSERS[what], text)
        except (TooMuchWork, RecursionError, OverflowError, MemoryError) as problem:
            pytest.fail(f"{what} fed with {name}: {type(problem).__name__}")


@pytest.mark.parametrize("what", FILES)
def test_no_small_file_of_a_source_costs_much(what, tmp_path):
    for number, (name, text) in enumerate(NASTY.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            read(lambda text, folder=folder: detect(what)(text, folder), text)  # type: ignore[call-arg,misc]
        except (TooMuchWork, RecursionError, OverflowError, MemoryError) as problem:
            pytest.fail(f"{what} with {name}: {type(problem).__name__}")


PIECES = st.sampled_from(
    ["[", "]", "{", "}", "a", ":", " ", "\n", "- ", "&a ", "*a", ",", '"', "'", "!", "?", "|", "#", "1", "\t"]
)


@pytest.mark.parametrize("what", ["compose", "yaml", "release", "pasted packages"])
def test_no_mixture_of_yaml_costs_much(what):
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(PIECES, min_size=1, max_size=6), st.integers(1, 2000), st.lists(PIECES, max_size=6))
    def mixed(repeated: list[str], times: int, end: list[str]) -> None:
        read(PARSERS[what], ("".join(repeated) * times + "".join(end))[:SIZE])

    mixed()


def test_a_limit_of_yaml_is_said_with_its_line_and_what_to_do():
    for text, words in {
        "a:\n  b: " + "[" * 100: "line 2: nests lists or mappings more than 30 levels deep; reduce the nesting.",
        ALIASES: "has more than 5000 values once aliases are expanded; write less into one file.",
        "x: &a [*a]": "has more than 5000 values",
    }.items():
        with pytest.raises(names.Invalid) as refused:
            yaml_with_lines.root_of(text, "compose.yaml")
        assert words in str(refused.value)
    deep = "a: " + "[" * 20 + "]" * 20 + "\nb: &x [1, 2]\nc: [*x, *x]\n"
    assert yaml_with_lines.root_of(deep, "compose.yaml").get("c") is not None, "what people write is read"


# --- regular expressions


def patterns() -> list[tuple[str, str, int]]:
    """Every regular expression that stands in our sources: where, itself, its flags."""
    found = []
    for place in sorted(SOURCES.rglob("*.py")):
        for call in ast.walk(ast.parse(place.read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
                continue
            is_ours = isinstance(call.func.value, ast.Name) and call.func.value.id == "re"
            first = call.args[0]
            if is_ours and isinstance(first, ast.Constant) and isinstance(first.value, str):
                flags = ast.unparse(call.args[1]) if call.func.attr == "compile" and len(call.args) > 1 else "0"
                import re

                found.append((f"{place.relative_to(SOURCES)}:{call.lineno}", first.value, int(eval(flags, {"re": re}))))  # noqa: S307
    return found


TRY = """
import json, re, sys
found = json.load(sys.stdin)
length = 600
for where, pattern, flags in found:
    print(where, flush=True)
    compiled = re.compile(pattern, flags)
    signs = sorted(set(pattern) & set("abcdefXAZ09-_./:@ \\t=+,;#%$'\\"<>[](){}|~^&*!?\\n"))
    signs += ["a", "0", "A", " ", "\\n", "-a", "a-", "a.", "a/", "_a", "__", "0.", "a:", " =", "a@", "a b ", "--", "a,"]
    starts = ["", "a", "https://", "git@a:", "/", "[", '"', "ENV A=", "EXPOSE "]
    for start in starts:
        for sign in signs:
            for end in ("", "\\x00", "!"):
                text = start + sign * (length // len(sign)) + end
                compiled.fullmatch(text), compiled.match(text)
            compiled.search((start + sign * (length // len(sign)))[:400] + "\\x00")
"""


def test_no_regular_expression_backtracks_for_ever():
    found = patterns()
    assert len(found) > 50
    try:
        command = [sys.executable, "-c", TRY]
        subprocess.run(command, input=json.dumps(found), text=True, capture_output=True, timeout=300, check=True, env={})
    except subprocess.TimeoutExpired as stuck:
        said = stuck.stdout.decode() if isinstance(stuck.stdout, bytes) else stuck.stdout
        pytest.fail(f"stuck at {(said or '').splitlines()[-1:]}")
