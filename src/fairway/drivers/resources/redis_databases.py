"""The numbered databases of a Redis server: which belongs to which name, and what applications may do in theirs.

Database 0 is Fairway's. It holds one hash, from names to numbers, which is part of what the server keeps.
"""

from __future__ import annotations

from typing import Any

from fairway.drivers.resources.redis_wire import Wire
from fairway.shared.failures import NeedsPerson, Refused
from fairway.shared.translation import translate

NUMBERS = "databases"
MOST = 999
DRAFT = "#draft"  # the names of other databases contain no “#”
BEFORE = "#before"
# All keys and channels. Neither commands of administrators nor dangerous ones, except those that libraries of applications
# call and that touch nothing but the own database; nor functions and the end of scripts, which belong to the whole server.
RIGHTS = (
    *("~*", "&*", "+@all", "-@admin", "-@dangerous", "-function", "-fcall", "-fcall_ro"),
    *("-script|flush", "-script|kill"),
    *("+info", "+keys", "+sort", "+sort_ro", "+flushdb", "+acl|whoami"),
)
_ENSURE = """
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then return known end
local used = {}
for _, number in ipairs(redis.call('HVALS', KEYS[1])) do used[number] = true end
for number = 1, tonumber(ARGV[2]) do
  if not used[tostring(number)] then
    redis.call('HSET', KEYS[1], ARGV[1], number)
    return tostring(number)
  end
end
return false
"""


def ensure(wire: Wire, name: str) -> int:
    """The number of the database with this name; a new one is empty. Raises `NeedsPerson` if no number is left."""
    wire.ask("SELECT", 0)
    number = wire.ask("EVAL", _ENSURE, 1, NUMBERS, name, MOST)
    if number is None:
        raise NeedsPerson(translate("This server has no database left; create another resource."))
    wire.ask("WAITAOF", 1, 0, 5000)  # the number is on the disk before anybody is told
    return int(number)


def number_of(wire: Wire, name: str) -> int:
    """Raises `Refused` if there is none."""
    wire.ask("SELECT", 0)
    number = wire.ask("HGET", NUMBERS, name)
    if number is None:
        raise Refused(translate("This server has no database {name}.", name=name))
    return int(number)


def has(wire: Wire, name: str) -> bool:
    wire.ask("SELECT", 0)
    return wire.ask("HGET", NUMBERS, name) is not None


def names(wire: Wire) -> list[str]:
    """The databases of applications, by name, without drafts and earlier contents."""
    wire.ask("SELECT", 0)
    return sorted(name for name in _texts(wire.ask("HKEYS", NUMBERS)) if "#" not in name)


def forget(wire: Wire, name: str) -> None:
    """Empty a database and free its number. It is emptied first, because a number may be given to another at once."""
    wire.ask("SELECT", 0)
    number = wire.ask("HGET", NUMBERS, name)
    if number is not None:
        wire.ask("SELECT", int(number))
        wire.ask("FLUSHDB", "ASYNC")  # it is empty at once, and its memory is freed meanwhile
        wire.ask("SELECT", 0)
        wire.ask("HDEL", NUMBERS, name)


def swap(wire: Wire, draft: str, name: str) -> None:
    """Give `name` what the draft holds. What it held is kept beside it until the next swap. Its number stays, and clients
    notice nothing; all of it happens at one moment."""
    before = f"{name}{BEFORE}"
    wire.ask("SELECT", 0)
    old, new = wire.ask("HGET", NUMBERS, name), wire.ask("HGET", NUMBERS, draft)
    if old is None:
        wire.ask_all([("MULTI",), ("HSET", NUMBERS, name, new), ("HDEL", NUMBERS, draft), ("EXEC",)])
    else:
        forget(wire, before)
        moved = ("HSET", NUMBERS, before, new)
        wire.ask_all([("MULTI",), ("SWAPDB", int(old), int(new)), moved, ("HDEL", NUMBERS, draft), ("EXEC",)])
    wire.ask("WAITAOF", 1, 0, 5000)


def _texts(found: list[Any]) -> list[str]:
    return [one.decode() for one in found]
