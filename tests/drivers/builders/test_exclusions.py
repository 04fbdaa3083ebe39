"""What of a source goes into no image, and the sentences about it."""

from __future__ import annotations

import os
from pathlib import Path

from fairway.drivers.builders.exclusions import of_node
from fairway.drivers.builders.image_context import ignores_of, included, left_out_of, static_ignores

from .folders import make as write


def test_a_site_in_a_hidden_folder_is_published(tmp_path: Path) -> None:
    write(tmp_path, {".out/public/index.html": "", ".out/public/.env": "", ".out/public/.well-known/a": ""})
    seen = set(included(tmp_path, static_ignores(".out/public")))
    assert {".out/public/index.html", ".out/public/.well-known/a"} < seen
    assert ".out/public/.env" not in seen


def test_what_stays_out_of_the_context_is_said_with_its_reason(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "", "[x]/pyvenv.cfg": "", "x/keep": "", "venv/content": "", "data/big": "", "web/a.log": ""})
    write(tmp_path, {"web/package.json": "{}", "web/node_modules/x": "", "free/node_modules/x": "", "__pycache__/a.pyc": ""})
    os.mkfifo(tmp_path / "pipe")
    ignores = [*ignores_of(tmp_path, of_node), "data", "**/*.log"]
    names = set(included(tmp_path, ignores))
    assert {"x/keep", "venv/content", "free/node_modules/x"} < names
    assert not {"[x]/pyvenv.cfg", "web/node_modules", "__pycache__"} & names
    assert sorted(left_out_of(tmp_path, ignores, of_node).sentences) == [
        "Left out: 1 file that nobody can send: pipes, sockets or devices (pipe).",
        "Left out: 2 files and folders that .dockerignore names (data/, web/a.log).",
        "Left out: 3 folders that the build makes again ([x]/, __pycache__/, web/node_modules/).",
    ]
