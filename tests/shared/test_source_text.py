"""Text files as other systems write them, and that nobody reads a source's in another way."""

from __future__ import annotations

import ast
import codecs
import json
from pathlib import Path

import pytest

from fairway.drivers.builders.detection.node_project import NodeProject
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.image_context import read_ignores
from fairway.drivers.builders.inside import Source
from fairway.drivers.builders.python_inputs import _toml
from fairway.shared.packing import packed_names
from fairway.shared.source_text import read_source, text_in

BUILDERS = Path(__file__).parents[2] / "src" / "fairway" / "drivers" / "builders"
AS_WRITTEN = {
    "plain": lambda text: text.encode(),
    "UTF-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "PowerShell": lambda text: codecs.BOM_UTF16_LE + text.replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-16, big end first": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-32": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
    "an old Mac": lambda text: text.replace("\n", "\r").encode(),
}
OURS = {  # files that builders read and no source brings: what tools left behind, what we keep ourselves, and /proc
    "build_python.py": 1,
    "moved_port.py": 1,
    "node_toolchain.py": 1,
    "python_tidy.py": 2,
    "bundle.py": 2,
    "running.py": 1,
}


@pytest.mark.parametrize("write", AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_the_same_words_are_read_however_they_were_written(write, tmp_path: Path) -> None:
    text = "flask==3.1\n# été 🚢\n"
    assert text_in(write(text)) == text
    (tmp_path / "file").write_bytes(write(text))
    assert (read_source(tmp_path / "file"), Source(tmp_path).text("file")) == (text, text)


@pytest.mark.parametrize("write", AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_what_is_ignored_is_not_sent_and_manifests_are_read(write, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(write(".env\n*.key\n"))
    (tmp_path / ".dockerignore").write_bytes(write("notes\n"))
    (tmp_path / "package.json").write_bytes(write(json.dumps({"name": "a"})))
    (tmp_path / "pyproject.toml").write_bytes(write('[project]\nname = "a"\n'))
    for name in (".env", "a.key", "notes", "main.py"):
        (tmp_path / name).write_text("x")
    assert packed_names(tmp_path) == [".dockerignore", ".gitignore", "main.py", "package.json", "pyproject.toml"]
    assert (NodeProject.read(SourceFolder(tmp_path)) or pytest.fail("no project")).package["name"] == "a"
    assert _toml(tmp_path / "pyproject.toml")["project"]["name"] == "a"
    assert read_ignores(tmp_path)[0].strip("/") == "notes"


def test_no_builder_reads_a_source_in_another_way() -> None:
    found = {}
    for file in BUILDERS.glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        names = [call.func.attr for call in calls if isinstance(call.func, ast.Attribute)]
        if count := names.count("read_text"):
            found[file.name] = count
    assert found == OURS
