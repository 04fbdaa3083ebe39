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
    "twice as links": lambda place: tar_of(place, link("a", "b"), link("a", "c")),
    "absolute on Windows": lambda place: zip_of(place, ("C:\\Users\\me\\app.py", "x")),
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
        (b"\0" * 1024, "neither"),
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


def raw_zip(place: Path, name: bytes, flags: int = 0, extra: bytes = b"", system: int = 0) -> Path:
    """A zip with one empty file whose name is written as these bytes."""
    common = struct.pack("<HHHHHIIIHH", 20, flags, 0, 0, 0x21, 0, 0, 0, len(name), len(extra))
    local = b"PK\x03\x04" + common + name + extra
    central = b"PK\x01\x02" + bytes([20, system]) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name + extra
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    place.write_bytes(local + central + end)
    return place


UNICODE_PATH = struct.pack("<HHBI", 0x7075, 5 + 9, 1, 0) + "café.png".encode()


@pytest.mark.parametrize(
    ("raw", "flags", "extra", "name"),
    [
        ("café.png".encode(), 0x800, b"", "café.png"),
        ("café.png".encode(), 0, b"", "café.png"),  # macOS and many libraries forget the flag
        ("cafe\u0301.png".encode(), 0x800, b"", "café.png"),  # macOS: a letter and its accent
        ("café.png".encode("cp437"), 0, b"", "café.png"),
        ("caf\u00e9.png".encode("cp1252"), 0, b"", "café.png"),
        ("Größe.txt".encode("cp437"), 0, b"", "Größe.txt"),
        ("Größe.txt".encode("cp1252"), 0, b"", "Größe.txt"),
        ("château.txt".encode("cp437"), 0, b"", "château.txt"),
        ("日本語.txt".encode("cp932"), 0, b"", "日本語.txt"),
        ("テスト表.html".encode("cp932"), 0, b"", "テスト表.html"),  # its last byte is a backslash in ASCII
        (b"caf?.png", 0, UNICODE_PATH, "café.png"),
        (b"static\\css\\app.css", 0, b"", "app.css"),
    ],
)
def test_a_name_in_a_zip_is_read_whoever_wrote_it(
    tmp_path: Path, heard: Heard, raw: bytes, flags: int, extra: bytes, name: str
) -> None:
    archive = raw_zip(tmp_path / "upload", b"top/sub/" + raw, flags, extra if not extra else path_field(b"top/sub/", extra))
    here = unpack(archive, tmp_path / "here", progress=heard).folder
    assert [place.name for place in here.rglob("*") if place.is_file()] == [name]
    assert any("were read as" in line for line in heard.lines) == (not flags and not extra and not is_utf8(raw))


def path_field(top: bytes, extra: bytes) -> bytes:
    name = top + extra[9:]
    return struct.pack("<HHBI", 0x7075, 5 + len(name), 1, 0) + name


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_name_that_says_utf8_and_is_not_is_said(tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(Refused, match="marked as UTF-8"):
        unpack(raw_zip(tmp_path / "upload", b"caf\xe9", 0x800), tmp_path / "here", progress=heard)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_names_in_a_tar_are_read_in_every_dialect(tmp_path: Path, heard: Heard, form: int) -> None:
    """Long ones, old encodings, backslashes, ``./`` before them, names that differ only in case, folders in no list."""
    long = f"{'n' * 90}/{'m' * 90}.txt"
    names = [long, "Readme", "README", "./dots/a", "a\\x2db"]
    with tarfile.open(tmp_path / "upload", "w", format=form, encoding="latin-1") as tar:
        for name in (*names, "caf\u00e9.png"):
            tar.addfile(entry(name))
    here = unpack(tmp_path / "upload", tmp_path / "here", progress=heard).folder
    found = {str(place.relative_to(here)) for place in here.rglob("*") if place.is_file()}
    assert found == {long, "Readme", "README", "dots/a", "a\\x2db", "café.png"}


def test_what_macos_and_windows_add_is_left_out_and_said(tmp_path: Path, heard: Heard) -> None:
    litter = ("__MACOSX/app/._a", "app/.DS_Store", "app/._photo.png", "app/Icon\r", "app/Thumbs.db")
    archive = tar_of(tmp_path / "upload", *((entry(name), b"x") for name in (*litter, "app/a", "app/._", "app/.env")))
    here = unpack(archive, tmp_path / "here", progress=heard).folder
    assert sorted(place.name for place in here.iterdir()) == ["._", ".env", "a"]
    assert (
        "Left out: 5 files that the file manager of macOS or Windows wrote "
        "(__MACOSX/app/._a, app/.DS_Store, app/._photo.png, …)." in heard.lines
    )


def test_of_a_file_that_is_there_twice_the_later_counts(tmp_path: Path, heard: Heard) -> None:
    """``tar --append`` writes a newer file behind the older one."""
    archive = tar_of(tmp_path / "upload", (entry("a"), b"old"), (entry("b"), b""), (entry("./a"), b"new"))
    assert (unpack(archive, tmp_path / "here", progress=heard).folder / "a").read_text() == "new"
    assert "In the archive twice, the later one counts: a." in heard.lines


def test_a_program_may_be_run_although_windows_wrote_no_modes(tmp_path: Path, heard: Heard) -> None:
    members = []
    for name, text in {"run": "#!/bin/sh\n", "gradlew": "\x7fELF", "notes": "x", "empty": ""}.items():
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 0, 0x20
        members.append((info, text))
    kept = zipfile.ZipInfo("kept")
    kept.create_system, kept.external_attr = 3, 0o100644 << 16
    here = unpack(zip_of(tmp_path / "upload", *members, (kept, "#!/bin/sh\n")), tmp_path / "here", progress=heard).folder
    assert sorted(place.name for place in here.iterdir() if place.stat().st_mode & 0o100) == ["gradlew", "run"]


def test_large_and_old_forms_are_read(tmp_path: Path, heard: Heard) -> None:
    with zipfile.ZipFile(tmp_path / "zip64", "w") as archive, archive.open("a", "w", force_zip64=True) as file:
        file.write(b"x")
    unpack(tmp_path / "zip64", tmp_path / "one", progress=heard)
    old = entry("a")
    old.size = 1
    block = bytearray(old.tobuf(tarfile.USTAR_FORMAT))
    block[257:265] = b"\0" * 8  # before POSIX a tar had no mark
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    (tmp_path / "old").write_bytes(bytes(block) + b"x".ljust(512, b"\0") + b"\0" * 1024)
    unpack(tmp_path / "old", tmp_path / "two", progress=heard)
    inner = zip_of(tmp_path / "inner.zip", ("wrong", "x")).read_bytes()
    unpack(tar_of(tmp_path / "tar", (entry("a"), b"x"), (entry("site.zip"), inner)), tmp_path / "three", progress=heard)
    for name in ("one", "two", "three"):
        assert (tmp_path / name / "a").read_text() == "x"
