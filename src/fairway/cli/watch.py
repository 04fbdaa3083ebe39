"""Follows a deployment: its steps with their times, the end of its log, and its result.

Ctrl-C only ends watching: a worker runs the deployment.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fairway.cli import words
from fairway.cli.client import Client
from fairway.cli.failures import Code, Stop
from fairway.cli.output import answer, err, is_json, out, status, styled

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

QUICK, CALM = 0.2, 1.0  # seconds between two requests: during the first `QUICK_FOR` seconds, and after them
QUICK_FOR = 15.0
TAIL = 8
BAR = 18
EXIT_CODES = {"live": Code.OK, "superseded": Code.OK, "cancelled": Code.CANCELLED}


def follow(client: Client, deployment: dict[str, Any], *, wait: bool) -> Code:
    """Show a deployment until it has ended (or only that it is queued), and print its result. Returns the exit code."""
    if not wait:
        return _queued(deployment)
    number = deployment["id"]
    try:
        ended = _watch(client, deployment)
    except KeyboardInterrupt:
        err().print(status("running", f"Deployment {number} continues without you."))
        err().print(styled(f"  Cancel it with “fairway cancel {number}”.", "bright_black"))
        return Code.LEFT_RUNNING
    if ended["awaits_approval"]:
        return _awaits(ended)
    result(ended)
    return EXIT_CODES.get(ended["status"], Code.FAILED)


def result(one: dict[str, Any]) -> None:
    """Print the result of a deployment: its URLs and the figures of the probe."""
    if is_json():
        answer(one)
        return
    console = out()
    name = f"{one['application']['name']} in {one['environment']['name']}"
    head = status(one["status"])
    head.append(f"  {name}  {words.version(one)}  #{one['id']}", style="bold")
    if one.get("seconds") is not None:
        head.append(f"  in {words.seconds(one['seconds'])}", style="bright_black")
    console.print(head)
    for remark in one.get("remarks", []):
        console.print(styled(f"  {remark['what']} ({remark['because']}).", "yellow"), soft_wrap=True)
    if one["status"] in {"live", "superseded"}:
        for url in one.get("urls", []):
            console.print(styled(f"  {url}", "bold underline"), soft_wrap=True)
        if figure := words.probe(one.get("probe")):
            console.print(styled(f"  {figure}", "bright_black" if not one["probe"]["failed"] else "yellow"))
        if figure := words.judgement(one.get("judgement")):
            console.print(
                styled(f"  {figure}", "yellow" if one["judgement"]["sentence"] else "bright_black"), soft_wrap=True
            )
        if one.get("away_seconds") is not None:
            console.print(
                styled(f"  Visitors saw the starting page for {words.seconds(one['away_seconds'])}.", "bright_black")
            )
        return
    if one.get("sentence"):
        console.print(f"  {one['sentence']}", soft_wrap=True)
    for line in one.get("last_log", [])[-TAIL:]:
        console.print(_log_text(f"  │ {line}"), soft_wrap=True)
    if one["status"] in {"failed", "errored"}:
        hint = "  The previous version is still serving." if one.get("replaces") else "  Nothing is serving there."
        hint += f" Whole log: fairway logs {one['application']['slug']}"
        hint += f" --env {one['environment']['slug']} --deployment {one['id']}"
        console.print(styled(hint, "bright_black"), soft_wrap=True)


def _queued(one: dict[str, Any]) -> Code:
    if is_json():
        answer(one)
    else:
        out().print(status("queued", f"Deployment {one['id']} is queued. Watch it: fairway watch {one['id']}"))
    return Code.OK


def _awaits(one: dict[str, Any]) -> Code:
    """Print that the deployment waits for approvals, and return without waiting for them."""
    if is_json():
        answer(one)
        return Code.NEEDS_DECISION
    found = one["approvals"]
    sentence = f"Deployment {one['id']} waits for approval: {found['given']} of {found['needed']}, by {found['who']}."
    out().print(status("waiting", sentence))
    out().print(
        styled(f"  Until {words.instant(one['approve_by'])}. Approve it: fairway approve {one['id']}", "bright_black")
    )
    return Code.NEEDS_DECISION


def _watch(client: Client, deployment: dict[str, Any]) -> dict[str, Any]:
    console = err()
    show = _Live(console) if console.is_terminal else _Plain(console)
    with show:
        return _until_ended(client, deployment, show)


def _until_ended(client: Client, one: dict[str, Any], show: _Live | _Plain) -> dict[str, Any]:
    number, after, begun, misses = one["id"], 0, time.monotonic(), 0
    while True:
        try:
            log = client.get(f"/deployments/{number}/log", after=after, limit=500)
            one = client.get(f"/deployments/{number}")
            misses = 0
        except Stop as stop:
            misses += 1
            if stop.code != Code.FAILED or misses > 30:  # the web process may be restarting
                raise
            time.sleep(CALM)
            continue
        after = log["next"]
        show.look(one, [line["text"] for line in log["lines"]])
        if log["is_complete"] and not one["is_active"]:
            return one
        if one["awaits_approval"] and one["status"] == "waiting" and not log["lines"]:
            return one  # an approval may take days
        if len(log["lines"]) < 500:
            time.sleep(QUICK if time.monotonic() - begun < QUICK_FOR else CALM)


class _Plain:
    """Output for pipes and CI: a line when a step ends, and the log as it arrives."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.told: dict[str, str] = {}
        self.place: int | None = None

    def __enter__(self) -> _Plain:
        return self

    def __exit__(self, *error: object) -> None: ...

    def look(self, one: dict[str, Any], lines: list[str]) -> None:
        for text in lines:
            self.console.print(_log_text(f"  │ {text}"), soft_wrap=True)
        position = one.get("queue_position")
        if position and position != self.place:
            self.console.print(status("queued", _queue(position)))
        self.place = position
        for step in one["steps"]:
            if step["state"] != self.told.get(step["name"]) and step["state"] not in {"waiting", "skipped"}:
                self.console.print(_step_line(step, width=0))
            self.told[step["name"]] = step["state"]


class _Live:
    """Output for terminals: the steps, redrawn in place, and the last lines of the log below them."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self.console = console
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.one: dict[str, Any] | None = None
        self.live = Live(console=console, refresh_per_second=8, transient=False, get_renderable=self._picture)

    def __enter__(self) -> _Live:
        self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.tail.clear()  # only the steps stay on the screen; `fairway logs` shows the log
        self.live.__exit__(*error)

    def look(self, one: dict[str, Any], lines: list[str]) -> None:
        self.one = one
        self.tail.extend(lines)

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        if self.one is None:
            return Text("")
        one, width = self.one, self.console.width
        head = Text.assemble(
            (f"{words.KIND_WORDS.get(one['kind'], one['kind'])} ", "bold"),
            (f"{one['application']['name']} → {one['environment']['name']}", "bold"),
            (f"  {words.version(one)}  #{one['id']}", "bright_black"),
        )
        parts: list[RenderableType] = [head]
        if one.get("queue_position"):
            parts.append(status("queued", _queue(one["queue_position"])))
        parts += [_step_line(step, width=width) for step in one["steps"]]
        for line in self.tail:
            text = _log_text(f"  │ {line}")
            text.truncate(width, overflow="ellipsis")
            parts.append(text)
        return Group(*parts)


def _queue(position: int) -> str:
    return f"{position} ahead of it in the queue" if position > 1 else "Next in the queue"


def _step_line(step: dict[str, Any], *, width: int) -> Any:
    """One line about a step. `width` 0: the line is not redrawn, so figures that still grow are left out."""
    state = "pending" if step["state"] == "waiting" else step["state"]
    line = status(state, f"{words.STEP_WORDS.get(step['name'], step['name']):<11}")
    elapsed, expected = float(step.get("seconds") or 0.0), step.get("expected_seconds")
    if step["state"] == "running" and expected and width >= 60:
        done = min(BAR, int(BAR * elapsed / expected))
        line.append("━" * done if words.is_unicode() else "=" * done, style="cyan")
        line.append(("━" if words.is_unicode() else "-") * (BAR - done), style="bright_black")
        line.append("  ")
    if step["state"] not in {"waiting", "skipped"} and (step["state"] != "running" or width):
        line.append(words.seconds(elapsed))
    if expected and step["state"] in {"running", "waiting"}:
        line.append(f"  usually {words.seconds(expected)}", style="bright_black")
    if step.get("attempt", 0) > 1:
        line.append(f"  attempt {step['attempt']}", style="yellow")
    if step.get("sentence"):
        line.append(f"  {step['sentence']}", style="bright_black")
    if width:
        line.truncate(width, overflow="ellipsis")
    return line


def _log_text(text: str) -> Any:
    """A line of a log with its colours, but without other terminal control sequences."""
    from rich.text import Text

    return Text.from_ansi("".join(one for one in text if one == "\x1b" or one == "\t" or one.isprintable()))


def wait_for(look: Callable[[], bool], *, seconds: float) -> bool:
    """Call `look` until it is true; False if `seconds` have passed."""
    until = time.monotonic() + seconds
    while not look():
        if time.monotonic() > until:
            return False
        time.sleep(QUICK)
    return True


def print_line(text: str) -> None:
    """Print one line of an application's output; colours only on a terminal."""
    if sys.stdout.isatty():
        out().print(_log_text(text), soft_wrap=True)
    else:
        print(_log_text(text).plain)
