"""Why a file that a start command names cannot be executed, and what to do about it. Pure except `looked_at`."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HEAD = 256  # bytes read of a file, as many as the kernel reads (BINPRM_BUF_SIZE)
_MARK = "#!"
CHMOD = "run “chmod +x {name}” (in Git: git update-index --chmod=+x {name}) and deploy again"
LINE_ENDS = "save it with LF (in Git: put “{name} text eol=lf” into .gitattributes) and deploy again"
# Values of e_machine. Source: elf(5) and /usr/include/elf.h.
_MACHINES = {
    0x03: "x86 (32 bit)",
    0x28: "ARM (32 bit)",
    0x3E: "x86-64",
    0xB7: "ARM64",
    0xF3: "RISC-V",
    0x15: "POWER",
    0x16: "S/390",
}
_OURS = {"x86_64": 0x3E, "amd64": 0x3E, "aarch64": 0xB7, "arm64": 0xB7, "armv7l": 0x28, "riscv64": 0xF3, "ppc64le": 0x15}
_ELSEWHERE = {b"MZ": "Windows", b"\xcf\xfa\xed\xfe": "macOS", b"\xca\xfe\xba\xbe": "macOS"}


@dataclass(frozen=True)
class Program:
    """A file as it was found: the name that people know it by, its first `HEAD` bytes, and its kind."""

    name: str
    head: bytes = b""
    is_folder: bool = False
    is_executable: bool = True


def looked_at(path: Path, name: str) -> Program | None:
    """The file or folder at this path of this machine; None if it cannot be read."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return Program(name, is_folder=True)
        return Program(name, _head(path), is_executable=bool(mode & stat.S_IXUSR))
    except OSError:
        return None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def complaint(program: Program, has: Callable[[str], bool], *, machine: str = "", is_sure: bool = True) -> str:
    """Why it cannot be executed, as the end of a sentence; "" if it can, as far as the file shows.

    `has` says whether a program (a path, or a name to search for) exists. `machine` is the host's architecture as ``uname
    -m`` prints it; "" means this machine. `is_sure` says that the kernel has already refused to execute the file, so that
    there must be a reason.
    """
    if program.is_folder:
        return "it is a folder; name the program in it that is to be started"
    if not program.is_executable:
        return f"it is not marked executable: {CHMOD.format(name=program.name)}"
    if program.head.startswith(_MARK.encode()):
        return _of_script(program, has)
    if found := next((system for mark, system in _ELSEWHERE.items() if program.head.startswith(mark)), ""):
        return f"it is a program for {found}: build it for Linux"
    if program.head.startswith(b"\x7fELF"):
        return _of_binary(program.head, machine or platform.machine(), is_sure=is_sure)
    return (
        "it is neither a program of this machine nor a script: begin it with a “#!” line, e.g. “#!/bin/sh”"
        if is_sure
        else ""
    )


def _of_script(program: Program, has: Callable[[str], bool]) -> str:
    first = program.head.partition(b"\n")[0]
    if first.endswith(b"\r"):
        remedy = LINE_ENDS.format(name=program.name)
        return f"it has Windows line ends (CRLF), so that its first line names no interpreter: {remedy}"
    words = first[len(_MARK) :].decode(errors="replace").split()
    if not words:
        return "its first line “#!” names no interpreter; write e.g. “#!/bin/sh”"
    if not has(words[0]):
        return f"its first line names the interpreter “{words[0]}”, which is not here: install it, or name another one"
    if os.path.basename(words[0]) == "env":
        wanted = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
        if wanted and not has(wanted):
            return f"its first line asks for the interpreter “{wanted}”, which is not here: install it, or name another one"
    return ""


def _of_binary(head: bytes, machine: str, *, is_sure: bool) -> str:
    order = "big" if head[5:6] == b"\x02" else "little"
    built = int.from_bytes(head[18:20], order)  # type: ignore[arg-type]
    ours = _OURS.get(machine)
    if ours is not None and built != ours:
        which = _MACHINES.get(built, "another kind of processor")
        return f"it was built for {which}, and this host has {_MACHINES[ours]}: build it for that"
    if is_sure:
        return "the loader it was built for is not here (it may come from Alpine, or from an older system): build it here"
    return ""
