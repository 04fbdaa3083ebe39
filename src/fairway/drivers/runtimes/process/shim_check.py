"""One run of a health command, as the shim sees it. Like the shim it is imported by its path and knows no Fairway."""

from __future__ import annotations

import os

CHUNK = 65536
MOST_SAID = 2000  # bytes of the output of a health command that are kept


class Check:
    """One run of the health command: its process, what it prints, and when (by the monotonic clock) it is ended."""

    def __init__(self, pid: int, out: int, by: float) -> None:
        self.pid, self.out, self.by = pid, out, by
        self.said, self.is_late, self.is_read = b"", False, False

    def read(self) -> bool:
        """Keep the end of what it printed; False when there is no more for now."""
        try:
            data = os.read(self.out, CHUNK)
        except OSError:
            data = b""
        self.said += data
        if len(self.said) > MOST_SAID:  # cut between words: a part of a secret would not be masked
            self.said = b"".join(self.said[-MOST_SAID:].split(None, 1)[1:])
        return bool(data)

    def words(self, timeout: float, code: int) -> str:
        """What a person is told of a run that failed; "" for one that succeeded."""
        if code == 0:
            return ""
        said = self.said.decode(errors="replace").strip()
        if self.is_late:
            return f"{said}\nit did not end within {timeout:g} s".strip()
        return said or f"it ended with code {code if code >= 0 else 128 - code}"
