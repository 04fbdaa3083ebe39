"""`fairway metrics`: what an application uses and how it answers, as a table with small charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.output import Column, Json, answer, is_json, note, out, status, styled, table
from fairway.cli.places import Slug
from fairway.cli.shipping import Env

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 30  # characters of a small chart
UNITS = ("B", "KB", "MB", "GB", "TB")
MOST_MARKS = 10
STATES = {"restart": "degraded", "stop": "stopped", "start": "running", "scale": "running", "freeze": "locked"}

Values = Sequence[float | None]


def metrics(
    app: Slug,
    env: Env,
    since: Annotated[str, typer.Option("--since", help="How far back: 90m, 24h, 7d; at most 90d.")] = "1h",
    as_json: Json = False,
) -> None:
    """Show what an application uses and how it answers."""
    with Client() as client:
        found = client.get(f"/applications/{part(app)}/environments/{part(env)}/placement/metrics", since=since)
    if is_json():
        answer(found)
        return
    _show(found)


def _show(found: dict[str, Any]) -> None:
    rows = [row for one in found["services"] for row in _usage_rows(one)] + _traffic_rows(found["traffic"])
    columns = [Column("What"), Column("Now", is_number=True), Column("Mean", is_number=True), Column("Most", is_number=True),
               Column("Course", 80)]  # fmt: skip
    table(columns, rows, empty="Nothing was measured in this period. The first reading comes 20 seconds after a start.")
    marks = found["marks"][-MOST_MARKS:]
    if marks:
        out().print()
    for mark in marks:
        at = datetime.fromisoformat(mark["at"].replace("Z", "+00:00")).astimezone()
        out().print(status(_state(mark), f"{at:%b %d %H:%M}  {_words(mark)}"))
    if len(found["marks"]) > MOST_MARKS:
        note(f"{len(found['marks']) - MOST_MARKS} earlier ones are not shown.")


def _usage_rows(one: dict[str, Any]) -> list[tuple[Any, ...]]:
    limits = [limit for limit in one["memory_limit_bytes"] if limit is not None]
    of = f"memory (of {_bytes(limits[-1])})" if limits else "memory"
    return [
        (f"{one['service']}: CPU in cores", *_figures(one["cpu"], _number)),
        (f"{one['service']}: {of}", *_figures(one["memory_bytes"], _bytes)),
    ]


def _traffic_rows(traffic: dict[str, Any] | None) -> list[tuple[Any, ...]]:
    if traffic is None:
        return []
    return [
        ("requests per second", *_figures(traffic["requests"], _number)),
        ("answered 5xx", *_figures(traffic["error_rate"], lambda value: f"{100 * value:.1f} %")),
        *((f"response time {name}", *_figures(values, _milliseconds)) for name, values in traffic["durations"].items()),
        ("sent per second", *_figures(traffic["bytes"], _bytes)),
    ]


def _figures(values: Values, words: Any) -> tuple[Any, ...]:
    """The last value, the mean, the highest, and a small chart."""
    known = [value for value in values if value is not None]
    if not known:
        return "–", "–", "–", ""
    return words(known[-1]), words(sum(known) / len(known)), words(max(known)), styled(sparkline(values), "cyan")


def sparkline(values: Values, width: int = WIDTH) -> str:
    """The values as bars, from 0 to the highest; a dot where nothing is known. Several values share a bar, as their mean."""
    count = min(width, len(values))
    bars = [values[index * len(values) // count : (index + 1) * len(values) // count] for index in range(count)]
    means = [sum(known) / len(known) if (known := [value for value in bar if value is not None]) else None for bar in bars]
    most = max((mean for mean in means if mean is not None), default=0) or 1
    return "".join("·" if mean is None else BARS[round(mean / most * (len(BARS) - 1))] for mean in means)


def _state(mark: dict[str, Any]) -> str:
    if mark["kind"] == "deployment":
        return "live" if mark["outcome"] == "succeeded" else str(mark["outcome"])
    return STATES[mark["kind"]]


def _words(mark: dict[str, Any]) -> str:
    match mark["kind"]:
        case "deployment":
            version = f" ({mark['version']})" if mark["version"] else ""
            return f"deployment #{mark['number']}{version} {mark['outcome']}, requested by {mark['who']}"
        case "restart":
            return f"restarted {mark['count']} {'time' if mark['count'] == 1 else 'times'}"
        case "freeze":
            return f"closed by the freeze window {mark['name']}"
        case "scale":
            return f"{mark['who']} changed the number of instances"
        case kind:
            return f"{mark['who']} {'stopped' if kind == 'stop' else 'started'} it"


def _number(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.1f}"


def _milliseconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def _bytes(value: float) -> str:
    unit = 0
    while value >= 1024 and unit < len(UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {UNITS[unit]}" if unit == 0 or value >= 100 else f"{value:.1f} {UNITS[unit]}"
