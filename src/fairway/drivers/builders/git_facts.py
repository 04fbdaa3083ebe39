"""The author, time and message of a commit. They are only shown, so parts that cannot be read are left out. Pure
functions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fairway.shared import facts

LONGEST_AUTHOR = 200  # characters; the column in the table of artifacts has this length
LONGEST_MESSAGE = 5000
MOST_LINES = 2000  # lines of git's output about the commit; a longer message is cut
# The time is in seconds as stored, because git fails at dates that it cannot convert. The commit's id separates author and
# message, because nobody can write it into the commit itself.
FORMAT = "%ct%n%an <%ae>%n%H%n%B"


@dataclass(frozen=True)
class Facts:
    """`committed_at` is None if the commit has no time, or one that cannot be a real date."""

    author: str = ""
    committed_at: datetime | None = None
    message: str = ""


def facts_in(output: str, commit: str) -> Facts:
    """The facts in git's output for `FORMAT`, which may be cut or empty."""
    head, _, message = output.partition(f"\n{commit}\n")
    seconds, _, author = head.partition("\n")
    return Facts(
        author=facts.one_line(author, LONGEST_AUTHOR).removesuffix("<>").strip(),
        committed_at=facts.parse_timestamp(seconds),
        message=facts.plain_text(message, LONGEST_MESSAGE),
    )
