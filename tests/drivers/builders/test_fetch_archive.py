"""Archives are unpacked only where nothing in them can do harm; good ones give the same tree whatever their form."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway.drivers.builders.fetch_archive import ArchiveLimits, safe_path, unpack
from fairway.drivers.builders.tree import tree_checksum
from fairway.shared.failures import Cancelled, Refused
from tests.exploring import examples

from .conftest import Heard
from .folders import make

FILES = {"app.py": "print(1)\n", "bin/start": "#!/bin/sh\n", "deep/er/data.txt": "x"}


def tar_of(place: Path, *members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(place, mode) as tar:  # type: ignore[call-overload]
        for member in members:
            info, data = member if isinstance(member, tuple) else (member, b"")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return place


def entry(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def link(name: str, target: str) -> tarfile.TarInfo:
    return entry(name, type=tarfile.SYMTYPE, linkname=target)


def zip_of(place: Path, *members: tuple[zipfile.ZipInfo | str, str], compress: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(place, "w", compress) as archive:
        for info, text in members:
            archive.writestr(info, text)
    return place


def zip_link(name: str, target: str) -> tuple[zipfile.ZipInfo, str]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, target


@pytest.mark.parametrize("form", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
@pytest.mark.parametrize("top", ["", "app-1.0/"])
def test_every_form_gives_the_same_tree(tmp_path: Path, heard: Heard, form: str, top: str) -> None:
    source = make(tmp_path / "source", FILES)
    (source / "bin/start").chmod(0o755)
    (source / "current").symlink_to("deep/er")
    archive = tmp_path / "upload"
    if form == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for name in FILES:
                packed.write(source / name, f"{top}{name}")
            packed.writestr(*zip_link(f"{top}current", "deep/er"))
            packed.writestr("__MACOSX/._app.py", "junk")
    else:
        with tarfile.open(archive, form) as tar:  # type: ignore[call-overload]
            tar.add(source, arcname=top or ".")
    checkout = unpack(archive, tmp_path / "here", progress=heard)
    assert checkout.checksum == tree_checksum(source)
    assert (tmp_path / "here/current/data.txt").read_text() == "x"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["here", "source", "upload"]


EVIL: dict[str, Callable[[Path], Path]] = {
    "leaves by dots": lambda place: tar_of(place, (entry("../evil"), b"x")),
    "leaves by dots inside": lambda place: tar_of(place, (entry("a/../../evil"), b"x")),
    "absolute": lambda place: tar_of(place, (entry("/tmp/evil"), b"x")),
    "backslashes": lambda place: zip_of(place, ("..\\evil", "x")),
    "zip leaves by dots": lambda place: zip_of(place, ("../evil", "x")),
    "zip absolute": lambda place: zip_of(place, ("/evil", "x")),
    "control signs": lambda place: tar_of(place, (entry("a\nb"), b"x")),
    "link leaves": lambda place: tar_of(place, link("out", "../../etc/passwd")),
    "link absolute": lambda place: tar_of(place, link("out", "/etc/passwd")),
    "zip link leaves": lambda place: zip_of(place, zip_link("out", "../evil"), ("a", "x")),
    "link leaves its top folder": lambda place: tar_of(place, (entry("app/a"), b"x"), link("app/out", "../other")),
    "link through a link": lambda place: tar_of(
        place, (entry("d/e/f"), b"x"), link("d/up", "e/.."), link("out", "d/up/../.."), (entry("z"), b"z")
    ),
    "written through a link": lambda place: tar_of(place, link("dir", "."), (entry("dir/evil"), b"x")),
    "link over a file": lambda place: tar_of(place, (entry("a"), b"x"), link("a", "b")),
    "file below a file": lambda place: tar_of(place, (entry("a"), b"x"), (entry("a/b"), b"x")),
    "twice": lambda place: tar_of(place, (entry("a"), b"x"), (entry("a"), b"y")),
    "hard link leaves": lambda place: tar_of(place, entry("a", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    "hard link to a link": lambda place: tar_of(
        place, link("s", "t"), entry("a", type=tarfile.LNKTYPE, linkname="s"), (entry("t"), b"")
    ),
    "device": lambda place: tar_of(place, entry("a", type=tarfile.CHRTYPE)),
    "pipe": lambda place: tar_of(place, entry("a", type=tarfile.FIFOTYPE)),
    "set user id": lambda place: tar_of(place, (entry("a", mode=0o4755), b"x")),
    "very deep": lambda place: tar_of(place, (entry("/".join("d" * 80)), b"x")),
    "very long": lambda place: zip_of(place, ("n" * 300, "x")),
    "empty": tar_of,
}


@pytest.mark.parametrize("name", EVIL)
def test_an_evil_archive_is_refused_and_leaves_nothing(tmp_path: Path, heard: Heard, name: str) -> None:
    archive = EVIL[name](make(tmp_path / "in", {}) / "upload")
    with pytest.raises(Refused) as caught:
        unpack(archive, tmp_path / "here", progress=heard)
    assert "archive" in caught.value.sentence
    assert "damaged" not in caught.value.sentence
    assert [place.name for place in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "neither"),
        (b"hello" * 200, "neither"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 100, "zstd"),
        (b"\x1f\x8b" + b"x" * 100, "damaged"),
        (b"PK\x03\x04" + b"x" * 100, "neither"),
        (b"\xfd7zXZ\x00" + b"x" * 100, "damaged"),
    ],
)
def test_what_is_no_archive(tmp_path: Path, heard: Heard, content: bytes, words: str) -> None:
    (tmp_path / "upload").write_bytes(content)
    with pytest.raises(Refused, match=words):
        unpack(tmp_path / "upload", tmp_path / "here", progress=heard)


def test_a_cut_archive_is_refused(tmp_path: Path, heard: Heard) -> None:
    whole = tar_of(tmp_path / "whole", (entry("a"), os.urandom(100_000)), mode="w:gz").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Refused, match="damaged"):
        unpack(tmp_path / "cut", tmp_path / "here", progress=heard)


def test_bombs_are_refused(tmp_path: Path, heard: Heard) -> None:
    zeros = "\0" * 20_000_000
    bomb = zip_of(tmp_path / "zip", ("a", zeros))
    with pytest.raises(Refused, match="bomb"):
        unpack(bomb, tmp_path / "here", progress=heard)
    with pytest.raises(Refused, match="1 MiB"):
        unpack(bomb, tmp_path / "here", progress=heard, limits=ArchiveLimits(bytes=1024 * 1024))
    many = zip_of(tmp_path / "many", *((f"f{number}", "") for number in range(30)))
    with pytest.raises(Refused, match="20 files and folders"):
        unpack(many, tmp_path / "here", progress=heard, limits=ArchiveLimits(entries=20))
    tar = tar_of(tmp_path / "tar", (entry("a"), zeros.encode()), mode="w:gz")
    with pytest.raises(Refused, match="1 MiB"):
        unpack(tar, tmp_path / "here", progress=heard, limits=ArchiveLimits(bytes=1024 * 1024))
    header = entry("a")
    header.pax_headers = {"comment": "x" * 6_000_000}
    with pytest.raises(Refused, match="absurd"):
        unpack(tar_of(tmp_path / "pax", (header, b"x"), mode="w:gz"), tmp_path / "here", progress=heard)


@pytest.mark.parametrize("zip64", [False, True])
def test_a_directory_that_would_fill_the_memory_is_not_read(
    tmp_path: Path, heard: Heard, zip64: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gigabyte of names would take ten of memory before the first entry is looked at."""
    archive = zip_of(tmp_path / "zip", ("a", "x"))
    content = archive.read_bytes()
    end = content.rfind(b"PK\x05\x06")
    if zip64:
        record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, 10**9, 0)
        locator = b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1)
        archive.write_bytes(content[:end] + record + locator + content[end : end + 12] + b"\xff" * 8 + content[end + 20 :])
    else:
        archive.write_bytes(content[: end + 12] + (10**9).to_bytes(4, "little") + content[end + 16 :])
    monkeypatch.setattr("zipfile.is_zipfile", lambda file: True)
    with pytest.raises(Refused, match="far too many entries"):
        unpack(archive, tmp_path / "here", progress=heard)


def test_a_lying_zip_size_is_found_out(tmp_path: Path, heard: Heard) -> None:
    archive = zip_of(tmp_path / "zip", ("a", "x" * 1000))
    content = archive.read_bytes()
    archive.write_bytes(content.replace((1000).to_bytes(4, "little"), (1).to_bytes(4, "little")))
    with pytest.raises(Refused):
        unpack(archive, tmp_path / "here", progress=heard)


def test_unpacking_can_be_cancelled(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "zip", ("a", "x"))
    heard = Heard()
    heard.is_cancelled = True
    with pytest.raises(Cancelled):
        unpack(archive, tmp_path / "here", progress=heard)
    assert [place.name for place in tmp_path.iterdir()] == ["zip"]


@given(st.text(max_size=30) | st.lists(st.sampled_from(["..", ".", "a", "", "~", "C:", "\\"]), max_size=6).map("/".join))
def test_a_path_that_is_accepted_stays_inside(name: str) -> None:
    try:
        path = safe_path(name)
    except Refused:
        return
    joined = Path("/base/tree") / (path or PurePosixPath())
    assert Path(os.path.normpath(joined)).is_relative_to("/base/tree")


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b", "..", "c"]), min_size=1, max_size=4).map("/".join),
            st.none() | st.lists(st.sampled_from(["a", "b", "..", "c", "."]), min_size=1, max_size=5).map("/".join),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_is_unpacked_stays_inside(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, str | None]]
) -> None:
    base = tmp_path_factory.mktemp("any")
    archive = tar_of(
        base / "upload", *((entry(name), b"x") if target is None else link(name, target) for name, target in members)
    )
    try:
        unpack(archive, base / "here", progress=Heard())
    except Refused:
        assert [place.name for place in base.iterdir()] == ["upload"]
        return
    inside = (base / "here").resolve()
    for folder, folders, files in os.walk(base / "here"):
        for name in (*folders, *files):
            assert Path(os.path.realpath(Path(folder, name))).is_relative_to(inside)


def test_folders_that_entries_need_are_counted(tmp_path: Path, heard: Heard) -> None:
    deep = tar_of(tmp_path / "deep.tar", *((entry(f"{n}/" + "/".join("abcdefghij") + "/f"), b"") for n in range(10)))
    with pytest.raises(Refused, match="more than 50 files and folders"):
        unpack(deep, tmp_path / "here", progress=heard, limits=ArchiveLimits(entries=50))
    unpack(deep, tmp_path / "here", progress=heard, limits=ArchiveLimits(entries=200))
