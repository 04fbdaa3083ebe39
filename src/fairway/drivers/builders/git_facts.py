"""What a commit says of itself: who, when, why. It is only shown, so whatever is odd about it is left out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fairway.shared import facts

LONGEST_AUTHOR = 200  # characters; as the table of artifacts has it
LONGEST_MESSAGE = 5000
MOST_LINES = 2000  # of what git says about the commit; a longer message is cut
# The seconds as they stand there (git dies of a date it cannot convert). Between author and message stands the commit's id,
# which nobody can write into the commit itself.
FORMAT = "%ct%n%an <%ae>%n%H%n%B"


@dataclass(frozen=True)
class Facts:
    """`committed_at` is None where the commit names no time, or none of our time."""

    author: str = ""
    committed_at: datetime | None = None
    message: str = ""


def facts_in(output: str, commit: str) -> Facts:
    """The facts in git's answer to `FORMAT`, which may be cut or missing."""
    head, _, message = output.partition(f"\n{commit}\n")
    seconds, _, author = head.partition("\n")
    return Facts(
        author=facts.one_line(author, LONGEST_AUTHOR).removesuffix("<>").strip(),
        committed_at=facts.parse_timestamp(seconds),
        message=facts.plain_text(message, LONGEST_MESSAGE),
    )
