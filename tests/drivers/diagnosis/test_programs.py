"""Why a file cannot be executed: each cause by its own sentence, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.diagnosis.programs import Program, complaint, looked_at

ARM = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00"
INTEL = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (Program("./bin", is_folder=True), "it is a folder"),
        (Program("./run.sh", b"#!/bin/sh\n", is_executable=False), "git update-index --chmod=+x ./run.sh"),
        (Program("./run.sh", b"#!/bin/sh\r\necho"), "Windows line ends"),
        (Program("./run.sh", b"#!/usr/bin/env bash\r\n"), "“./run.sh text eol=lf” into .gitattributes"),
        (Program("./run.sh", b"#!/opt/none\n"), "the interpreter “/opt/none”, which is not here"),
        (Program("./run.sh", b"#!/usr/bin/env none\n"), "the interpreter “none”, which is not here"),
        (Program("./run.sh", b"#!\n"), "names no interpreter"),
        (Program("./run.sh", b"echo hi\n"), "begin it with a “#!” line"),
        (Program("./app", ARM), "it was built for ARM64, and this host has x86-64"),
        (Program("./app", INTEL), "the loader it was built for is not here"),
        (Program("./app.exe", b"MZ\x90"), "it is a program for Windows"),
    ],
)
def test_each_cause_has_its_sentence(program: Program, words: str) -> None:
    found = complaint(program, lambda name: name in ("/bin/sh", "/usr/bin/env", "bash"), machine="x86_64")
    assert words in found


@pytest.mark.parametrize("head", [b"#!/bin/sh\necho", b"#!/usr/bin/env -S bash -e\n", INTEL, b"echo hi\n"])
def test_what_may_well_run_is_not_complained_of(head: bytes) -> None:
    there = ("/bin/sh", "/usr/bin/env", "bash").__contains__
    assert complaint(Program("./run", head), there, machine="x86_64", is_sure=False) == ""


def test_a_file_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    assert looked_at(tmp_path / "run.sh", "./run.sh") == Program("./run.sh", b"#!/bin/sh\n", is_executable=False)
    assert looked_at(tmp_path, ".") == Program(".", is_folder=True)
    assert looked_at(tmp_path / "none", "none") is None
