"""Reads the text files of a source, so that detector, builder and packer see the same text.

Windows editors begin UTF-8 with a byte-order mark, and ``pip freeze > requirements.txt`` in PowerShell writes UTF-16.
"""

from __future__ import annotations

import codecs
from pathlib import Path

MARKS = (  # the longer first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)


def text_in(content: bytes) -> str:
    """The decoded text, without a byte-order mark, with ``\\n`` line ends. Undecodable bytes become U+FFFD."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return with_newlines(content[len(mark) :].decode(encoding, "replace"))
    return with_newlines(content.decode("utf-8", "replace"))


def read_source(path: Path) -> str:
    """The text of a file, decoded by `text_in`. Raises OSError."""
    return text_in(path.read_bytes())


def with_newlines(text: str) -> str:
    """The text with ``\\n`` line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
