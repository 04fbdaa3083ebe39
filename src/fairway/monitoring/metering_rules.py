"""What is held and used in an hour or a day, in whole numbers, so that sums are exact. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from decimal import Decimal

from fairway.monitoring.rules import Used

HOUR, DAY = 3600, 86400
LENGTHS = (HOUR, DAY)
METERS_KEPT = {HOUR: 45 * DAY, DAY: 5 * 366 * DAY}  # seconds for which the rows of each length are kept
MILLI = 1000
GB = 2**30


@dataclass(frozen=True)
class Metered:
    """What the instances of a placement held and used.

    `seconds` is how much of the time was read; the rest is a gap of which nothing is known. What is reserved is the limit,
    or what was used where that is more or there is no limit.
    """

    seconds: int = 0
    replica_seconds: int = 0
    cpu_ms: int = 0
    cpu_reserved_ms: int = 0
    memory_byte_seconds: int = 0
    memory_reserved_byte_seconds: int = 0

    def __add__(self, other: Metered) -> Metered:
        return Metered(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def together_with(self, other: Metered) -> Metered:
        """The sum of two services in the same time: what was read of both is read once."""
        both = self + other
        return Metered(max(self.seconds, other.seconds), *astuple(both)[1:])

    @property
    def cpu_hours(self) -> Decimal:
        return Decimal(self.cpu_ms) / (MILLI * HOUR)

    @property
    def cpu_reserved_hours(self) -> Decimal:
        return Decimal(self.cpu_reserved_ms) / (MILLI * HOUR)

    @property
    def memory_gb_hours(self) -> Decimal:
        return Decimal(self.memory_byte_seconds) / (GB * HOUR)

    @property
    def memory_reserved_gb_hours(self) -> Decimal:
        return Decimal(self.memory_reserved_byte_seconds) / (GB * HOUR)


NAMES = tuple(field.name for field in fields(Metered))


def metered(samples: Iterable[Used], length: int) -> Metered:
    """What the samples of one service in an interval of `length` seconds say.

    Readings are not exactly ten seconds apart, so their spans may be longer together than the interval: then all that
    depends on time is shortened to it. CPU time is a difference of counters, which needs no clock.
    """
    every = list(samples)
    seconds = sum(one.seconds for one in every)
    scale = min(1.0, length / seconds) if seconds else 0.0

    def in_time(amounts: Iterable[float]) -> int:
        return int(sum(amounts) * scale)

    cpu = round(MILLI * sum(one.cpu_seconds for one in every))
    cpu_reserved = in_time(MILLI * one.seconds * (one.cpu_limit or 0.0) for one in every)
    memory = in_time(one.seconds * one.memory_bytes for one in every)
    reserved = in_time(one.seconds * max(one.limit_bytes or 0, one.memory_bytes) for one in every)
    return Metered(
        min(seconds, length), in_time(one.seconds * one.instances for one in every), cpu, max(cpu, cpu_reserved), memory,
        max(memory, reserved),
    )  # fmt: skip
