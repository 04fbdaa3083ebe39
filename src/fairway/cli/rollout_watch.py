"""Follows a rollout: one line per change, and the choices when it waits for a decision.

Ctrl-C only ends watching: a worker runs the rollout.
"""

from __future__ import annotations

import time
from typing import Any

from fairway.cli import words
from fairway.cli.client import Client
from fairway.cli.failures import Code, Stop
from fairway.cli.output import answer, err, is_json, out, status, styled
from fairway.cli.watch import CALM, QUICK, QUICK_FOR

PLANNED = {"scheduled", "held"}
ACTIVE = PLANNED | {"running", "needs_decision", "falling_back"}
CHOICES = {
    "retry": "try again what failed, then what depends on it",
    "skip": "continue without what failed and what depends on it",
    "fall_back_all": "take back everything that this rollout deployed",
    "stop": "stop here; what is deployed stays live",
}
MISSES = 30  # failed requests in a row before giving up; the web process may be restarting


def line(one: dict[str, Any]) -> Any:
    """One line about a rollout."""
    what = "Fallback" if one["direction"] == "back" else "Rollout"
    text = status(one["status"])
    text.append(f"  {what} {one['id']} on {one['environment']}", style="bold")
    if one["status"] in PLANNED:
        text.append(f"  {one['wall_time'].replace('T', ' ')} {one['zone']}")
    if one["sentence"]:
        text.append(f"  {one['sentence']}", style="bright_black")
    return text


def follow(client: Client, one: dict[str, Any], *, is_known: bool) -> Code:
    """Show a rollout until it has ended or needs a decision, and print the result. Returns the exit code.

    Success is what was intended when watching began: a forward rollout that has fallen back has failed. `is_known`: the
    present state of its packages was shown already.
    """
    number, good = one["id"], "fallen_back" if one["direction"] == "back" else "succeeded"
    try:
        one = _until_it_stands(client, one, {row["package"]: row["status"] for row in one["packages"] if is_known})
    except KeyboardInterrupt:
        err().print(status("running", f"Rollout {number} continues without you."))
        err().print(styled(f"  End it with “fairway releases cancel-rollout {number}”.", "bright_black"))
        return Code.LEFT_RUNNING
    choices = _choices(client, one) if one["status"] == "needs_decision" else []
    if is_json():
        answer({**one, "choices": choices} if choices else one)
    else:
        out().print(line(one), soft_wrap=True)
        _print_choices(one, choices)
    if one["status"] == good:
        return Code.OK
    return {"needs_decision": Code.NEEDS_DECISION, "cancelled": Code.CANCELLED}.get(one["status"], Code.FAILED)


def _until_it_stands(client: Client, one: dict[str, Any], told: dict[str, str]) -> dict[str, Any]:
    number, said, begun, misses = one["id"], "", time.monotonic(), 0
    while True:
        said = _tell_rollout(one, said)
        _tell_packages(one, told)
        if one["status"] not in ACTIVE or one["status"] == "needs_decision":
            return one
        time.sleep(QUICK if time.monotonic() - begun < QUICK_FOR else CALM)
        try:
            one, misses = client.get(f"/rollouts/{number}"), 0
        except Stop as stop:
            misses += 1
            if stop.code != Code.FAILED or misses > MISSES:
                raise


def _tell_rollout(one: dict[str, Any], said: str) -> str:
    if one["status"] in PLANNED and one["status"] != said:
        err().print(line(one), soft_wrap=True)
    return str(one["status"])


def _tell_packages(one: dict[str, Any], told: dict[str, str]) -> None:
    rows = one["packages"]
    width = max((len(row["package"]) for row in rows), default=0)
    levels = max((row["level"] for row in rows), default=0)
    for row in sorted(rows, key=lambda row: row["level"], reverse=one["direction"] == "back"):
        if row["status"] == told.get(row["package"], "pending"):
            continue
        told[row["package"]] = row["status"]
        text = status(row["status"], f"{row['package']:<{width}}  {words.word(row['status']):<15}")
        text.append(f"  level {row['level']} of {levels}", style="bright_black")
        if row["sentence"]:
            text.append(f"  {row['sentence']}", style="bright_black")
        err().print(text, soft_wrap=True)


def _choices(client: Client, one: dict[str, Any]) -> list[dict[str, Any]]:
    """The possible choices, and what each would do to which package."""
    fitting = [name for name in CHOICES if name != "fall_back_all" or one["direction"] == "forward"]
    path = f"/rollouts/{one['id']}/preview"
    return [{"choice": name, "packages": client.get(path, choice=name)} for name in fitting]


def _print_choices(one: dict[str, Any], choices: list[dict[str, Any]]) -> None:
    if not choices:
        return
    console = out()
    for each in choices:
        text = styled(f"  {each['choice']:<15}", "bold")
        text.append(CHOICES[each["choice"]])
        console.print(text, soft_wrap=True)
        for then, names in _by_outcome(each["packages"]).items():
            console.print(styled(f"{'':17}{', '.join(names)} → {words.word(then)}", "bright_black"), soft_wrap=True)
    console.print(styled(f"  Run: fairway releases decide {one['id']} {'|'.join(each['choice'] for each in choices)}", ""))


def _by_outcome(packages: list[dict[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for package in packages:
        if package["then"] != package["now"]:
            found.setdefault(package["then"], []).append(package["package"])
    return found
