"""`fairway insights`: how often and how well new versions go live."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from fairway.cli import words
from fairway.cli.client import Client
from fairway.cli.failures import BadInput
from fairway.cli.metrics import sparkline
from fairway.cli.output import Column, Json, answer, is_json, note, out, styled, table

WAYS = {
    "good": "went well", "failed_later": "failed after going live", "failed": "failed before going live",
    "errored": "errored", "cancelled": "cancelled",
}  # fmt: skip
CAUSES = {
    "taken_back": "gave the traffic back to the version before", "rolled_back": "rolled back by a person",
    "rolled_back_by_fairway": "rolled back by Fairway", "judged_worse": "answered worse than the version before",
    "held": "made Fairway hold automatic deployments",
}  # fmt: skip
MOST = 10  # failures that are listed


def insights(
    app: Annotated[str, typer.Option("--app", "-a", help="Only of this application.")] = "",
    env: Annotated[str, typer.Option("--env", "-e", help="Only in this environment; DORA means production.")] = "",
    days: Annotated[int, typer.Option("--days", help="The last so many days; 30 if no period is given.")] = 0,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="From this day on, e.g. 2026-11-01.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="Until this day, which is included.")] = "",
    zone: Annotated[str, typer.Option(help="Whose days: an IANA time zone; by default this machine's.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the figures of each application and environment.")] = False,
    as_json: Json = False,
) -> None:
    """How often and how well new versions go live: DORA's figures, what fails most, how long it takes."""
    if as_csv and is_json():
        raise BadInput("--csv and --json are two forms of the same figures.", advice="Choose one of them.")
    query = {"application": app, "environment": env, "days": str(days or ""), "since": first, "until": last}
    query["zone"] = zone or local_zone()
    with Client() as client:
        if as_csv:
            for line in client.lines("/insights/csv", **query):
                print(line.rstrip("\r\n"))
            return
        found = client.get("/insights", **query)
    if is_json():
        answer(found)
        return
    _show(found)


def local_zone(localtime: Path = Path("/etc/localtime")) -> str:
    """The name of this machine's time zone; UTC if it cannot be told."""
    if name := os.environ.get("TZ", "").removeprefix(":"):
        return name if not name.startswith("/") else "UTC"
    _, is_known, name = str(localtime.resolve()).partition("zoneinfo/")
    return name if is_known else "UTC"


def _show(found: dict[str, Any]) -> None:
    columns = [Column("Figure"), Column("Value", is_number=True), Column("Of", is_number=True),
               Column("Before", is_number=True), Column("How it is made", 110, wraps=True)]  # fmt: skip
    rows = [
        (one["title"], styled(_value(one["unit"], one["value"]), "bold"), one["sample"],
         _value(one["unit"], one["value_before"] if one["sample_before"] else None), one["formula"])
        for one in found["figures"]
    ]  # fmt: skip
    note(f"{found['since']} to {found['until']}, days in {found['zone']}; “before” is the period of the same length before.")
    table(columns, rows, empty="")
    if found["without_commit"]:
        note(f"{_count(found['without_commit'], 'new version')} without a commit: their lead time is not known.")
    if found["not_recovered"]:
        note(f"{_count(found['not_recovered'], 'failed new version')} without a good one within 7 days.")
    if found["is_cut"]:
        note("There were too many deployments to count them all: the oldest are missing. Choose a shorter period.")
    _show_outcomes(found)
    _show_troubles(found)


def _show_outcomes(found: dict[str, Any]) -> None:
    ended, before = found["outcomes"], found["outcomes_before"]
    out().print()
    rows = [(words_, ended[key], before[key]) for key, words_ in WAYS.items() if ended[key] or before[key]]
    columns = [Column("Deployments"), Column("Now", is_number=True), Column("Before", is_number=True)]
    table(columns, rows, empty="No deployment ended in this period.")
    if not rows:
        return
    totals = [sum(part[key] for key in WAYS) for part in found["parts"]]
    out().print(styled(sparkline(totals), "cyan"), "deployments in each part of the period")
    rate = _value("share", ended["success_rate"])
    before_rate = _value("share", before["success_rate"])
    out().print(f"{rate} went well; before: {before_rate}")


def _show_troubles(found: dict[str, Any]) -> None:
    if found["failures"]:
        out().print()
    for one in found["failures"][:MOST]:
        after = (
            "no good version has followed" if one["seconds"] is None else f"good again after {words.seconds(one['seconds'])}"
        )
        place = f"{one['application']} in {one['environment']}"
        out().print(f"#{one['deployment']} {place}: {CAUSES[one['cause']]}; {after}")
    if found["troubles"]:
        out().print()
        columns = [Column("Fails most", wraps=True), Column("Step"), Column("Times", is_number=True)]
        table(columns, [(one["sentence"], one["step"] or "–", one["count"]) for one in found["troubles"]], empty="")
    times = [(name, one) for name, one in found["times"].items() if one]
    times += [(f"step {one['step']}", one) for one in found["steps"]]
    if times:
        out().print()
        columns = [Column("Time"), Column("Median", is_number=True), Column("95 % at most", is_number=True),
                   Column("Of", is_number=True)]  # fmt: skip
        shown = [(name, words.seconds(one["median"]), words.seconds(one["p95"]), one["count"]) for name, one in times]
        table(columns, shown, empty="")


def _value(unit: str, value: float | None) -> str:
    if value is None:
        return "–"
    if unit == "seconds":
        return words.seconds(value)
    return f"{value:.2f} per day" if unit == "per_day" else f"{100 * value:.1f} %"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
