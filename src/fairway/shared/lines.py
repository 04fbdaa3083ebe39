"""Shows lines as a terminal would, and finds where bytes may be cut without cutting a character."""

from __future__ import annotations


def last_shown(text: str) -> str:
    """The text that a terminal shows after the carriage returns in it: "10 %\\r20 %\\r" shows "20 %".

    Mask the text first: a secret may contain a carriage return.
    """
    if "\r" not in text:
        return text
    return next((part for part in reversed(text.split("\r")) if part), "")


def whole_characters(data: bytes) -> int:
    """How many bytes of `data` are complete UTF-8 characters; at most three bytes at the end belong to an incomplete one.

    Bytes that cannot begin a UTF-8 character count as complete.
    """
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
        return len(data) - back if needed > back else len(data)
    return len(data)
