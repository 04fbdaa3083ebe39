"""Runs somebody else's program during a build or a fetch: from an argv, never by a shell, with limits, and leaving no
process behind.

Every program runs below a small supervisor (`fairway.drivers.wall.walled`), which adopts processes that left the program's
group (``setsid``, a double fork) and ends them with the program. If a `wall` is given, the program runs behind it.

Limits: `seconds` of wall time; `memory_bytes` of resident memory of the whole process group, measured twice a second, and
the same as ``RLIMIT_DATA`` for each process; `cpus` as an affinity to that many cores (rounded up) and a lower priority.
They need no root. They stop accidents, not attackers.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import resource
import selectors
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairway.drivers.runtimes.contract import Progress
from fairway.drivers.wall.abilities import ENCLOSURE, python
from fairway.shared.failures import NeedsPerson, Refused
from fairway.shared.lines import last_shown, whole_characters

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None)
GRACE = 5.0  # seconds between TERM and KILL
TICK = 0.1  # seconds between two checks for cancellation
MEMORY_TICK = 0.5
MOST_KEPT_LINES = 100_000  # lines that are kept of the output of a program, if the caller reads it
LONGEST_LINE = 8_000  # characters
SHOWN_LINES = 40  # the last lines of a failed program that are shown
KEPT_LINES = 400  # the last lines of a program that are kept: its first error may stand far above its end
UNFINISHED = 1.0  # seconds after which the beginning of an unfinished line is shown
PAGE = os.sysconf("SC_PAGE_SIZE")
WALLED = ENCLOSURE.with_name("walled.py")
MISSING = "The program “{program}” is not on this machine; install it."


@dataclass(frozen=True)
class Ceiling:
    """What one program may use. None means unlimited."""

    seconds: float = 900.0
    memory_bytes: int | None = None
    cpus: float | None = None


@dataclass(frozen=True)
class Finished:
    """How a program ended: its exit code and its last lines (at most `KEPT_LINES`). `output` is filled only with
    `keep_output`."""

    code: int
    tail: tuple[str, ...] = ()
    output: str = field(default="", repr=False)

    @property
    def detail(self) -> str:
        """The last `SHOWN_LINES` lines that it printed, for people."""
        return "\n".join(self.tail[-SHOWN_LINES:])


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    progress: Progress,
    ceiling: Ceiling | None = None,
    mask: Callable[[str], str] = str,
    keep_output: bool = False,
    most_lines: int = MOST_KEPT_LINES,
    watch: Callable[[], None] | None = None,
    wall: Mapping[str, Any] | None = None,
) -> Finished:
    """Run a program to its end and send each line it prints to `progress` or, with `keep_output`, put its output into the
    result.

    No process of its group is left running, however this ends. `watch` is called at every tick (`TICK`) and may raise.
    `mask` hides secrets in each line. At most `most_lines` lines of output are kept: a program that prints more is ended.
    Raises `TooManyLines` then, `Refused` if the program passes a limit, `NeedsPerson` if it is not installed, and what
    `progress.check()` raises.
    """
    limits = ceiling or Ceiling()
    lines = _Lines(progress, mask, most_lines if keep_output else None)
    with _started(argv, cwd, env, limits, wall) as process:
        guard = _Guard(process.pid, limits, argv[0])
        for chunk in _output(process):
            lines.feed(chunk)
            progress.check()
            guard.check()
            if watch:
                watch()
    lines.close()
    return Finished(process.returncode, tuple(lines.tail), "".join(lines.kept))


class TooManyLines(Refused):
    """A program printed more lines than are kept of its output. `output` is what it printed before."""

    output = ""


class _Lines:
    """Cuts a stream of bytes into lines and passes them on, to `progress` or to the kept output."""

    def __init__(self, progress: Progress, mask: Callable[[str], str], keep: int | None) -> None:
        self.tail: deque[str] = deque(maxlen=KEPT_LINES)
        self.kept: list[str] = []
        self._progress, self._mask, self._keep = progress, mask, keep
        self._rest = b""
        self._due: float | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. An empty `chunk` means that nothing new came; an unfinished line may be due then."""
        *whole, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            self._say(line)
        if whole or not self._rest:
            self._due = None
        if len(self._rest) > LONGEST_LINE:  # cut between two words, if there are any: masking needs whole words
            cut = 1 + max(self._rest.rfind(end, LONGEST_LINE // 2) for end in (b" ", b"\t", b","))
            self._say_begun(cut or whole_characters(self._rest))
        elif self._rest and self._keep is None:
            self._due = self._due or time.monotonic() + UNFINISHED
            if time.monotonic() >= self._due:  # a question, which nobody will answer, or a progress bar
                self._say_begun(whole_characters(self._rest))

    def _say_begun(self, count: int) -> None:
        """Pass on the first `count` bytes of an unfinished line as a line; the rest becomes the next line."""
        if count:
            self._say(self._rest[:count])
        self._rest, self._due = self._rest[count:], None

    def close(self) -> None:
        if self._rest:
            self._say(self._rest)
        self._rest = b""

    def _say(self, line: bytes) -> None:
        # Before `last_shown`, because a secret may contain a carriage return.
        masked = self._mask(line.decode(errors="replace"))
        text = last_shown(masked)[:LONGEST_LINE]
        self.tail.append(text)
        if self._keep is not None:
            if len(self.kept) >= self._keep:
                error = TooManyLines(
                    f"A program said more than the {self._keep:,} lines that are read of it, and was stopped."
                )
                error.output = "".join(self.kept)
                raise error
            # With all that a terminal would overwrite, for programs that read it.
            self.kept.append(masked[:LONGEST_LINE] + "\n")
        else:
            self._progress.line(text)


class _Guard:
    """Raises `Refused` if the process group runs too long or uses too much memory."""

    def __init__(self, group: int, limits: Ceiling, name: str) -> None:
        self._group, self._limits, self._name = group, limits, Path(name).name
        self._until = time.monotonic() + limits.seconds
        self._next_look = (
            time.monotonic() + MEMORY_TICK
        )  # not at once: a program uses little memory when it starts, and measuring reads all of /proc

    def check(self) -> None:
        now = time.monotonic()
        if now > self._until:
            raise Refused(f"{self._name} took longer than {self._limits.seconds:.0f} s and was stopped.")
        most = self._limits.memory_bytes
        if most is None or now < self._next_look:
            return
        self._next_look = now + MEMORY_TICK
        used = group_memory(self._group)
        if used > most:
            sizes = f"{used / 1024**2:.0f} MiB of memory, more than the {most / 1024**2:.0f} MiB it may use"
            raise Refused(f"{self._name} used {sizes}, and was stopped.")


def group_memory(group: int) -> int:
    """Resident bytes of all processes of a process group. Pages that processes share count for each of them."""
    return sum(size for size in _group(group))


def _group(group: int) -> list[int]:
    """The resident bytes of each living process of a group, without zombies."""
    sizes = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] not in "ZX":
                    sizes.append(int(fields[21]) * PAGE)
    return sizes


@contextmanager
def _started(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], limits: Ceiling, wall: Mapping[str, Any] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """The running program. When the context ends, its whole group has ended, and it is reaped."""
    order_out, order_in = os.pipe()
    with open(order_in, "wb") as orders, open(order_out, "rb") as pipe:
        order = _order(argv, cwd, env, wall or {})
        supervisor = [python(), "-I", "-S", "-E", str(WALLED), str(pipe.fileno())]
        process = _popen(supervisor, cwd, (pipe.fileno(),))
        pipe.close()
        with process:
            _limit(process.pid, limits)
            try:
                with suppress(BrokenPipeError):  # the supervisor has ended already
                    orders.write(order)  # sent after the limits are set, so that they hold for all processes it starts
                    orders.close()
                yield process
            except BaseException:
                _end_gently(process)
                raise
            finally:
                # Ends what the leader left behind; its id cannot be reused before it is reaped.
                _signal(process.pid, signal.SIGKILL)
                _await_empty(process.pid)
                process.wait()


def _order(argv: Sequence[str], cwd: Path, env: Mapping[str, str], wall: Mapping[str, Any]) -> bytes:
    name = str(cwd / argv[0]) if "/" in argv[0] else argv[0]
    program = shutil.which(name, path=env.get("PATH"))
    if program is None:
        raise NeedsPerson(MISSING.format(program=argv[0]))
    return json.dumps({"wall": wall, "program": program, "argv": list(argv), "env": dict(env)}).encode()


def _popen(argv: Sequence[str], cwd: Path, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(argv),
        cwd=cwd,
        env={},
        pass_fds=fds,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 -- one system call, nothing that a thread could have locked
    )


def _limit(pid: int, limits: Ceiling) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, 10)
        if limits.memory_bytes:
            resource.prlimit(pid, resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
        if limits.cpus:
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(pid, cores[-max(1, math.ceil(limits.cpus)) :])


def _end_with_parent() -> None:
    """End the supervisor with its worker: an orphaned build would go on writing where the next worker builds. The signal
    is HUP, not KILL, so that the supervisor can end all processes below it first."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGHUP)


def _output(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Chunks of output as they come, and b"" at each tick without output, until the program has ended and its pipe is
    empty."""
    pipe = process.stdout
    assert pipe is not None
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if selector.select(TICK):
                chunk = os.read(pipe.fileno(), 65536)
                if not chunk:
                    break
                yield chunk
            elif _has_ended(process.pid):
                while selector.select(0) and (last := os.read(pipe.fileno(), 65536)):
                    yield last  # written after the pipe was checked and before the program ended
                break
            else:
                yield b""
    while not _has_ended(process.pid):  # it closed its output but still runs
        time.sleep(TICK)
        yield b""


def _has_ended(pid: int) -> bool:
    """Whether the program has ended. It is not reaped, so that no other process can get its id."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_gently(process: subprocess.Popen[bytes]) -> None:
    _signal(process.pid, signal.SIGTERM)
    until = time.monotonic() + GRACE
    while not _has_ended(process.pid) and time.monotonic() < until:
        time.sleep(TICK / 2)


def _await_empty(group: int) -> None:
    """Wait, for at most `GRACE` seconds, until no process of a killed group runs any more, so that its files can be
    deleted."""
    until = time.monotonic() + GRACE
    while _group(group) and time.monotonic() < until:
        time.sleep(TICK / 10)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
