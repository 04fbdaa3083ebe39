"""The entries of a zip or tar in the same form: name, kind, mode, size, and the content as a stream with limits."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from fairway.drivers.builders.archive_names import tar_name, zip_name, zip_target
from fairway.shared.failures import Refused

UNREADABLE = "The archive cannot be read: it is damaged or incomplete. Pack it again."
UNREADABLE_NAME = "A name in the archive is marked as UTF-8 and is not; rename the file and pack it again."
# In bytes. Python reads an extended header of a tar into memory, so a huge one is refused before.
_LARGEST_HEADER = 4 * 1024 * 1024
_LARGEST_DIRECTORY = 16 * 1024 * 1024  # bytes: 50,000 entries with long names
_LONGEST_END = 65536 + 22 + 20 + 56  # bytes; the greatest length of a zip's comment and the records at its end
_ZSTD = b"\x28\xb5\x2f\xfd"
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_WITH_MODES = frozenset({3, 19})  # codes of the systems that write a file's mode into a zip: Unix and macOS


@dataclass(frozen=True)
class ArchiveEntry:
    """One entry as written in the archive, unchecked. `kind` is file, folder, link, hardlink or other.

    `mode` is 0 if the archive has none (on Windows). `encoding` is the old encoding from which the name was decoded; "" for
    UTF-8.
    """

    name: str
    kind: str
    mode: int
    size: int
    link: str = ""
    encoding: str = ""


class OpenArchive(Protocol):
    """An open archive, read entry by entry. `entries` yields each entry with its content, which is None for anything but
    a file."""

    def entries(self) -> Iterator[tuple[ArchiveEntry, IO[bytes] | None]]: ...


@contextmanager
def open_archive(path: Path, *, most_bytes: int) -> Iterator[OpenArchive]:
    """Open a zip, tar, tar.gz, tar.bz2 or tar.xz, which is recognized by its content. Raises `Refused` for anything else
    or a damaged file."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
            if start.startswith(_ZSTD):
                raise Refused("The archive is compressed with zstd, which is not read here; use zip or tar.gz.")
            if not _is_tar(start) and zipfile.is_zipfile(file):  # a tar whose last file is a zip looks like a zip, too
                _refuse_huge_directory(file)
                with zipfile.ZipFile(file) as archive:
                    yield _Zip(archive)
            else:
                file.seek(0)
                with _tar(file, start, most_bytes) as tar:
                    yield _Tar(tar)
    except UnicodeDecodeError as error:
        raise Refused(UNREADABLE_NAME, detail=str(error)) from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise Refused(UNREADABLE, detail=str(error)) from error
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, or an encrypted archive
        raise Refused(
            "The archive uses a compression or encryption that is not read here; use plain zip or tar.gz."
        ) from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise Refused(UNREADABLE, detail=str(error)) from error


def _refuse_huge_directory(file: IO[bytes]) -> None:
    """Raises `Refused` if a zip's directory is too large. Python reads it whole and uses some 500 bytes of memory for
    each 47 bytes of it; it reads no more than the size that the record at the end states."""
    file.seek(0, io.SEEK_END)
    file.seek(max(0, file.tell() - _LONGEST_END))
    end = file.read()
    start = end.rfind(b"PK\x05\x06")
    if start < 0 or len(end) < start + 16:
        return
    (size,) = struct.unpack("<I", end[start + 12 : start + 16])
    large = end.rfind(b"PK\x06\x06", 0, start)
    if size == 0xFFFFFFFF and large >= 0:
        (size,) = struct.unpack("<Q", end[large + 40 : large + 48])
    if size > _LARGEST_DIRECTORY:
        raise Refused("The archive has far too many entries; leave out data and dependencies, and pack it again.")


class _Bounded(io.RawIOBase):
    """A decompressed stream that raises `Refused` if it grows past a limit or is read in one huge piece."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._most = stream, most

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _LARGEST_HEADER:
            raise Refused("The archive has a header of absurd size; pack it again.")
        data = self._stream.read(size)
        self._check()
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0 and offset > self._most:
            self._refuse()
        position = self._stream.seek(offset, whence)
        self._check()
        return position

    def tell(self) -> int:
        return self._stream.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def _check(self) -> None:
        if self._stream.tell() > self._most:
            self._refuse()

    def _refuse(self) -> None:
        raise Refused(f"The archive unpacks to more than {self._most / 1024**2:.0f} MiB, the most that is allowed.")


@contextmanager
def _tar(file: IO[bytes], start: bytes, most_bytes: int) -> Iterator[tarfile.TarFile]:
    with _plain(file, start) as stream, tarfile.open(fileobj=_Bounded(stream, 2 * most_bytes), mode="r:") as tar:
        yield tar


@contextmanager
def _plain(file: IO[bytes], start: bytes) -> Iterator[IO[bytes]]:
    """The bytes of the tar, decompressed."""
    if start.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file) as unzipped:
            yield cast(IO[bytes], unzipped)
    elif start.startswith(b"BZh"):
        with bz2.BZ2File(file) as unzipped2:
            yield unzipped2
    elif start.startswith(b"\xfd7zXZ\x00"):
        with lzma.LZMAFile(file) as unzipped3:
            yield unzipped3
    elif _is_tar(start):
        yield file
    else:
        raise Refused("This is neither a zip nor a tar archive; use zip or tar.gz.")


def _is_tar(start: bytes) -> bool:
    """Whether these 512 bytes begin a tar, or a compressed file that may be one."""
    if start.startswith(_COMPRESSED) or start[257:262] == b"ustar":
        return True
    try:
        # The format of before 1988 can be recognized only by its checksum.
        tarfile.TarInfo.frombuf(start, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def entries(self) -> Iterator[tuple[ArchiveEntry, IO[bytes] | None]]:
        for member in self._tar:
            name, encoding = tar_name(member.name)
            target = tar_name(member.linkname)[0]
            entry = ArchiveEntry(name, _tar_kind(member), member.mode, member.size, target, encoding)
            yield entry, self._tar.extractfile(member) if member.isreg() else None


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.isreg():
        return "file"
    if member.isdir():
        return "folder"
    return "link" if member.issym() else "hardlink" if member.islnk() else "other"


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def entries(self) -> Iterator[tuple[ArchiveEntry, IO[bytes] | None]]:
        for info in self._archive.infolist():
            yield self._entry(info)

    def _entry(self, info: zipfile.ZipInfo) -> tuple[ArchiveEntry, IO[bytes] | None]:
        if info.flag_bits & 0x1:
            raise Refused("The archive is encrypted; pack it again without a password.")
        mode = info.external_attr >> 16 if info.create_system in _WITH_MODES else 0
        name, encoding = zip_name(info)
        if stat.S_ISLNK(mode):
            with self._archive.open(info) as target:
                return ArchiveEntry(name, "link", 0, 0, zip_target(target.read(4096)), encoding), None
        if name.endswith("/"):
            return ArchiveEntry(name, "folder", mode, 0, "", encoding), None
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            return ArchiveEntry(name, "other", mode, 0, "", encoding), None
        return ArchiveEntry(name, "file", mode, info.file_size, "", encoding), self._archive.open(info)
