"""Encrypts files in pieces (AES-256-GCM), so that a piece that was changed, removed, swapped or added is found.

A file is ``FWSEAL1\\n``, 8 hexadecimal digits with the length of the header, the header (the file's own key, sealed with the
installation's), then pieces: 4 bytes of length and the encrypted bytes. Each piece is bound to its position, and the last
one is marked as the last.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fairway.drivers.runtimes.process.bundle import disk_failure
from fairway.shared.failures import NeedsPerson, Refused
from fairway.shared.sealing import CannotOpen, Seal
from fairway.shared.translation import translate

MAGIC = b"FWSEAL1\n"
PIECE = 1024 * 1024
LONGEST_HEADER = 64 * 1024


def seal_file(source: Path, target: Path, seal: Seal, check: Callable[[], None]) -> tuple[int, str]:
    """Encrypt `source` into `target`, which appears only when it is complete. Returns the size in bytes and the SHA-256 of
    `target`. Raises `Failure`."""
    draft = target.with_name(f".{target.name}.draft")
    digest, key = hashlib.sha256(), AESGCM.generate_key(bit_length=256)
    try:
        with open(source, "rb") as clear, open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sealed:
            for part in _sealed(clear, key, seal):
                check()
                digest.update(part)
                sealed.write(part)
            sealed.flush()
            os.fsync(sealed.fileno())
            size = sealed.tell()
        draft.rename(target)
    except OSError as error:
        raise disk_failure(error, f"writing the backup {target.name}") from error
    finally:
        draft.unlink(missing_ok=True)
    return size, digest.hexdigest()


def _sealed(clear: IO[bytes], key: bytes, seal: Seal) -> Iterator[bytes]:
    header = seal.seal(base64.b64encode(key).decode()).encode()
    yield MAGIC + b"%08x" % len(header) + header
    cipher, number, piece = AESGCM(key), 0, clear.read(PIECE)
    while True:
        following = clear.read(PIECE)
        body = cipher.encrypt(_nonce(number), piece, _place(number, is_last=not following))
        yield struct.pack(">I", len(body)) + body
        if not following:
            return
        number, piece = number + 1, following


def opened(source: Path, seal: Seal) -> Iterator[bytes]:
    """The decrypted bytes, piece by piece. Raises `Refused` at the first piece that differs from what was written,
    `NeedsPerson` if none of the keys fits. The pieces before it must not be used then."""
    try:
        with open(source, "rb") as sealed:
            cipher = AESGCM(_key(sealed, seal))
            number, length = 0, sealed.read(4)
            while True:
                body = _exactly(sealed, length)
                length = sealed.read(4)
                yield _clear(cipher, number, body, is_last=not length)
                if not length:
                    return
                number += 1
    except FileNotFoundError:
        raise damaged(translate("its file is gone")) from None


def open_file(source: Path, target: Path, seal: Seal, check: Callable[[], None]) -> None:
    """Decrypt into the file `target`, which remains only if all of it was intact. Raises like `opened`."""
    try:
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as clear:
            for part in opened(source, seal):
                check()
                clear.write(part)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise disk_failure(error, f"reading the backup {source.name}") from error
        raise


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises `Refused` if the file is gone."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise damaged(translate("its file is gone")) from None


@contextmanager
def clear_file(source: Path, target: Path, seal: Seal, check: Callable[[], None]) -> Iterator[Path]:
    """The decrypted file; it is removed at the end of the block."""
    open_file(source, target, seal, check)
    try:
        yield target
    finally:
        target.unlink(missing_ok=True)


def _key(sealed: IO[bytes], seal: Seal) -> bytes:
    start = sealed.read(len(MAGIC) + 8)
    try:
        length = int(start[len(MAGIC) :], 16)
    except ValueError:
        length = 0
    if start[: len(MAGIC)] != MAGIC or not 0 < length <= LONGEST_HEADER:
        raise damaged(translate("it does not begin as a backup does"))
    header = sealed.read(length)
    try:
        return base64.b64decode(seal.open(header.decode("ascii")))
    except UnicodeDecodeError:
        raise damaged(translate("its header was changed")) from None
    except CannotOpen:
        raise NeedsPerson(
            translate(
                "None of this installation's keys opens the backup: its header was changed, or it was sealed with a key "
                "that is not in keys/field.keys any more. Put the old key back, then try again."
            )
        ) from None


def _exactly(sealed: IO[bytes], length: bytes) -> bytes:
    if len(length) < 4:
        raise damaged(translate("its end is missing"))
    wanted = struct.unpack(">I", length)[0]
    if wanted > PIECE + 16:
        raise damaged(translate("a part of it was changed"))
    body = sealed.read(wanted)
    if len(body) < wanted:
        raise damaged(translate("its end is missing"))
    return body


def _clear(cipher: AESGCM, number: int, body: bytes, *, is_last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number), body, _place(number, is_last=is_last))
    except InvalidTag:
        raise damaged(translate("a part of it was changed, or its end is missing")) from None


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")  # each file has its own key, so no nonce is used twice with one key


def _place(number: int, *, is_last: bool) -> bytes:
    return b"%d %s" % (number, b"last" if is_last else b"more")


def damaged(why: str) -> Refused:
    """The failure of a backup whose bytes are not those that were written."""
    return Refused(translate("The backup is damaged: {why}. Use another one; this one cannot be restored.", why=why))
