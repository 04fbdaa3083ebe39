"""Decodes names in archives as the programs of other systems write them.

The formats say UTF-8 (with a flag, in a zip) or nothing, so a name without the flag may be in any encoding. It is decoded as
UTF-8 if its bytes are valid UTF-8; otherwise as Shift-JIS if most of the result is Japanese; otherwise in the encoding of
Western Europe that gives more letters. Every name is put into Unicode's composed form (NFC): macOS writes “é” as “e” and an
accent, and a page that links “café.png” would not find that file.
"""

from __future__ import annotations

import unicodedata
import zipfile

FLAG_UTF8 = 0x800
UNICODE_PATH = 0x7075  # the id of Info-ZIP's extra field with the name in UTF-8
OF_ZIP = ("cp437", "cp1252")  # the first is the encoding that the format prescribes
OF_TAR = ("cp1252", "cp437")


def composed(name: str) -> str:
    """The name in Unicode's composed form (NFC)."""
    return unicodedata.normalize("NFC", name)


def zip_name(info: zipfile.ZipInfo) -> tuple[str, str]:
    r"""(name, the old encoding from which it was decoded, or "").

    A backslash becomes a separator: zip knows only “/”, and programs that write “\” (Compress-Archive on Windows) mean a
    separator.
    """
    raw = info.orig_filename.partition("\0")[0]
    name, encoding = (raw, "") if info.flag_bits & FLAG_UTF8 else _zip_guess(raw, info.extra)
    return composed(name.replace("\\", "/")), encoding


def zip_target(text: bytes) -> str:
    """The target of a symbolic link in a zip."""
    return composed(guessed(text, OF_ZIP)[0])


def tar_name(name: str) -> tuple[str, str]:
    """(name, the old encoding from which it was decoded, or ""). `name` comes from `tarfile`, which reads UTF-8 and puts
    surrogates for other bytes."""
    found, encoding = guessed(name.encode("utf-8", "surrogateescape"), OF_TAR) if _has_surrogates(name) else (name, "")
    return composed(found), encoding


def guessed(raw: bytes, encodings: tuple[str, ...]) -> tuple[str, str]:
    """(text, the old encoding that was guessed, or "" for UTF-8)."""
    try:
        return raw.decode(), ""
    except UnicodeDecodeError:
        pass
    if (japanese := _decoded(raw, "cp932")) is not None and _is_japanese(japanese):
        return japanese, "cp932"
    found = [(text, name) for name in encodings if (text := _decoded(raw, name)) is not None]
    return max(found, key=lambda candidate: _latin_letters(candidate[0]))  # the first of equals


def _zip_guess(raw: str, extra: bytes) -> tuple[str, str]:
    unicode_path = _extra_field(extra, UNICODE_PATH)
    if unicode_path and (name := _decoded(unicode_path[5:], "utf-8")) is not None:  # the name follows a version and a CRC
        return name, ""
    return guessed(raw.encode("cp437"), OF_ZIP)  # Python decoded it as cp437, in which every byte is a character


def _extra_field(extra: bytes, wanted: int) -> bytes:
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if kind == wanted:
            return extra[4 : 4 + size]
        extra = extra[4 + size :]
    return b""


def _has_surrogates(name: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in name)


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_japanese(text: str) -> bool:
    """Whether at least half of the characters that are not ASCII are kana or kanji beside another one. The “ö” of a
    German name may be read as a kanji, but it stands alone."""
    foreign = [at for at, sign in enumerate(text) if not sign.isascii()]
    rows = [at for at in foreign if _is_kana_or_kanji(text, at) and any(_is_kana_or_kanji(text, at + by) for by in (-1, 1))]
    return bool(rows) and 2 * len(rows) >= len(foreign)


def _is_kana_or_kanji(text: str, at: int) -> bool:
    return 0 <= at < len(text) and ("\u3040" <= text[at] <= "\u30ff" or "\u4e00" <= text[at] <= "\u9fff")


def _latin_letters(text: str) -> int:
    return sum(unicodedata.name(sign, "").startswith("LATIN") for sign in text if not sign.isascii())
