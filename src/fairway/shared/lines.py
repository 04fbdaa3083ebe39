"""Lines as a terminal would show them, and where bytes may be cut into parts that are text each."""

from __future__ import annotations


def last_shown(text: str) -> str:
    """What stands there after the carriage returns: "10 %\\r20 %\\r" shows "20 %". Mask first: a secret may hold one."""
    if "\r" not in text:
        return text
    return next((part for part in reversed(text.split("\r")) if part), "")


def whole_characters(data: bytes) -> int:
    """How many bytes of `data` are whole characters of UTF-8: at most three at its end wait for what comes next.

    Bytes that are no UTF-8 wait for nothing.
    """
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
        return len(data) - back if needed > back else len(data)
    return len(data)
