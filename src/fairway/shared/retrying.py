"""When something that another server did not take is sent again. Pure."""

from __future__ import annotations

DELAYS = (10.0, 60.0, 300.0, 1800.0, 7200.0)  # seconds until it is tried again
MOST_TRIES = len(DELAYS) + 1
JITTER = 0.1  # of a delay, at most, so that what failed together does not come back together
LONGEST_RETRY_AFTER = 6 * 3600.0  # seconds; a receiver that asks for more is asked then
LONGEST_REST = 60.0  # seconds for which nothing is sent there after a failure


def next_delay(tries: int, *, retry_after: float | None = None, chance: float = 0.0) -> float | None:
    """The seconds until something that failed `tries` times is sent again; None if it is given up.

    `retry_after` is what the receiver asked for, `chance` a number from 0 to 1 that spreads the delays.
    """
    if tries >= MOST_TRIES:
        return None
    delay = DELAYS[max(tries, 1) - 1] * (1 + JITTER * chance)
    return max(delay, min(retry_after or 0.0, LONGEST_RETRY_AFTER))


def rest_after(delay: float | None, retry_after: float | None) -> float:
    """The seconds for which nothing is sent there after a failure, so that each of many messages does not find out by
    itself that the receiver is away."""
    if retry_after:
        return min(retry_after, LONGEST_RETRY_AFTER)
    return min(DELAYS[0] if delay is None else delay, LONGEST_REST)
