"""The one way in which text files of a source are read: detector, builder and packer see the same words in them.

Editors of Windows begin UTF-8 with a byte-order mark, and ``pip freeze > requirements.txt`` in PowerShell writes UTF-16.
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
    """The text, without a byte-order mark, its lines ended by newlines. What is no text is replaced by U+FFFD."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return with_newlines(content[len(mark) :].decode(encoding, "replace"))
    return with_newlines(content.decode("utf-8", "replace"))


def read_source(place: Path) -> str:
    """`text_in` of a file. Raises OSError."""
    return text_in(place.read_bytes())


def with_newlines(text: str) -> str:
    """Its lines ended as here, however they were."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
