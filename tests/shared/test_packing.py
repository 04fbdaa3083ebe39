"""What `fairway deploy --path` sends: everything needed, nothing ignored, the same bytes for the same content."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from fairway.shared.failures import Refused
from fairway.shared.packing import choose, pack, packed_names


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_ignore_files_are_obeyed_and_the_last_word_is_ours(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            ".gitignore": "*.log\n/dist/\nsecret.env\n",
            "web/.gitignore": "!keep.log\ncache/\n",
            ".dockerignore": "notes\nDockerfile\n!other\n",
            ".fairwayignore": "!dist/**\n/drafts/\n",
            "Dockerfile": "FROM scratch\n",
            **dict.fromkeys(("app.py", "a.log", "secret.env", "dist/index.html", "drafts/x", "notes", "web/notes"), "x"),
            **dict.fromkeys(("web/keep.log", "web/drop.log", "web/cache/x"), "x"),
            **dict.fromkeys((".git/config", ".venv/pyvenv.cfg", "web/node_modules/x", "__pycache__/x.pyc"), "x"),
            "web/package.json": "{}",
        },
    )
    sent = packed_names(tmp_path)
    assert [name for name in sent if not name.rpartition("/")[2].startswith(".")] == [
        *("Dockerfile", "app.py", "dist/index.html", "web/keep.log", "web/notes", "web/package.json"),
    ]


def test_what_is_left_out_is_said_with_its_reason(tmp_path: Path) -> None:
    again = (".venv/pyvenv.cfg", "env/pyvenv.cfg", "web/node_modules/x", "__pycache__/x.pyc", "a/.ruff_cache/x")
    ignored = ("dist/a", "dist/b/c", ".env", "x.log", "web/y.log", "z.log")
    folder = make(tmp_path / "app", dict.fromkeys((*again, *ignored, ".git/config", "._a", "web/.DS_Store"), "x"))
    make(
        folder,
        {".gitignore": "/dist\n.env\n", "web/.gitignore": "*.log\n", ".fairwayignore": "/*.log\n", "web/package.json": ""},
    )
    make(folder, {"a/app.py": ""})
    os.mkfifo(folder / "pipe")
    (folder / "out").symlink_to("/etc/passwd")
    names, sentences = choose(folder)
    assert names == [".fairwayignore", ".gitignore", "a/app.py", "web/.gitignore", "web/package.json"]
    assert sentences == [
        "Left out: 2 files that .fairwayignore names (x.log, z.log).",
        "Left out: 3 files and folders that .gitignore names (.env, dist/, web/y.log).",
        "Left out: 1 file that nobody can send: pipes, sockets or devices (pipe).",
        "Left out: 5 folders that the build makes again (.venv/, __pycache__/, a/.ruff_cache/, …).",
        "Left out: 2 files that the file manager of macOS or Windows wrote (._a, web/.DS_Store).",
        "Left out: 1 folder that version control keeps for itself (.git/).",
        "Left out: 1 link with a target outside the source (out).",
    ]
    assert list(pack(folder, tmp_path / "out.tar.gz").left_out) == sentences


def test_what_only_sounds_like_an_installation_is_sent(tmp_path: Path) -> None:
    """A site brings packages that no build makes; where one would, ``.fairwayignore`` has the last word."""
    make(tmp_path, dict.fromkeys(("node_modules/x/dist/x.js", "venv/index.html", "env/a", "made/node_modules/y.js"), "x"))
    make(tmp_path, {"made/package.json": "{}"})
    assert packed_names(tmp_path) == ["env/a", "made/package.json", "node_modules/x/dist/x.js", "venv/index.html"]
    for words in ("!node_modules", "!/made/node_modules/", "!made/node_modules/**"):
        (tmp_path / ".fairwayignore").write_text(words)
        assert "made/node_modules/y.js" in packed_names(tmp_path), words


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = make(tmp_path / name, {"b.txt": "b", "a/x.sh": "x"})
        (folder / "a/x.sh").chmod(0o755)
        os.link(folder / "b.txt", folder / "c.txt")
    os.utime(tmp_path / "two/b.txt", (1, 1))
    first, second = (pack(tmp_path / name, tmp_path / f"{name}.tar.gz") for name in ("one", "two"))
    assert first.path.read_bytes() == second.path.read_bytes()
    assert (first.files, first.bytes) == (3, 3)
    with tarfile.open(first.path) as tar:
        assert [(info.name, info.mode, info.isreg()) for info in tar] == [
            ("a/x.sh", 0o755, True),
            ("b.txt", 0o644, True),
            ("c.txt", 0o644, True),
        ]


def test_links_that_leave_are_not_sent(tmp_path: Path) -> None:
    folder = make(tmp_path / "app", {"a.txt": "a"})
    make(tmp_path, {"secret": "s"})
    (folder / "in").symlink_to("a.txt")
    (folder / "out").symlink_to("../secret")
    (folder / "abs").symlink_to("/etc/passwd")
    assert packed_names(folder) == ["a.txt", "in"]


def test_what_cannot_be_packed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not a folder"):
        pack(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(Refused, match="nothing to send"):
        pack(make(tmp_path / "empty", {".git/x": ""}), tmp_path / "out")
    with pytest.raises(Refused, match="fairwayignore"):
        pack(make(tmp_path / "large", {"x": "x" * 2000}), tmp_path / "out", largest=1000)


def test_the_archive_itself_is_not_packed(tmp_path: Path) -> None:
    make(tmp_path, {"a": "a"})
    pack(tmp_path, tmp_path / "out.tar.gz")
    with tarfile.open(pack(tmp_path, tmp_path / "out.tar.gz").path) as tar:
        assert tar.getnames() == ["a"]


def test_a_line_that_is_no_pattern_says_nothing(tmp_path: Path) -> None:
    make(tmp_path, {".gitignore": "!\n/\nx\\\n.env\n", ".dockerignore": "y\\\n", ".env": "x", "main.py": "x"})
    assert packed_names(tmp_path) == [".dockerignore", ".gitignore", "main.py"]


def test_names_of_any_bytes_arrive(tmp_path: Path) -> None:
    names = [b"caf\xe9.txt", "été".encode(), "e\u0301".encode(), b"back\\slash", b"new\nline", b"n" * 200]
    (tmp_path / "app").mkdir()
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path / "app") + b"/" + name)).write_text("x")
    with tarfile.open(pack(tmp_path / "app", tmp_path / "out.tar.gz").path) as tar:
        assert {os.fsencode(name) for name in tar.getnames()} == set(names)
