"""States and figures for terminals: a shape, a word and a colour, never colour alone. The words are those of the pages."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

# state → (shape, shape without Unicode, colour)
LOOKS: dict[str, tuple[str, str, str]] = {
    "live": ("●", "*", "green"),
    "healthy": ("●", "*", "green"),
    "available": ("●", "*", "green"),
    "done": ("✔", "+", "green"),
    "queued": ("○", "o", "bright_black"),
    "pending": ("○", "o", "bright_black"),
    "running": ("◐", ">", "cyan"),
    "starting": ("◐", ">", "cyan"),
    "waiting": ("◷", "~", "yellow"),
    "degraded": ("◒", "!", "yellow"),
    "locked": ("■", "#", "yellow"),
    "cancelling": ("◌", "-", "yellow"),
    "cancelled": ("⊘", "/", "bright_black"),
    "superseded": ("·", ".", "bright_black"),
    "skipped": ("–", "-", "bright_black"),
    "stopped": ("□", "=", "bright_black"),
    "sleeping": ("☾", "z", "bright_black"),
    "failed": ("✖", "x", "red"),
    "down": ("✖", "x", "red"),
    "errored": ("▲", "!", "magenta"),
    "unknown": ("?", "?", "bright_black"),
}
LOOKS |= {
    # releases
    "draft": LOOKS["pending"],
    "sealed": ("◆", "%", "cyan"),
    "scheduled": ("◔", "@", "cyan"),
    "in_progress": LOOKS["running"],
    "released": LOOKS["live"],
    "partly_served": ("◑", "&", "yellow"),
    "no_longer_served": ("◇", "^", "yellow"),
    "fallen_back": ("↶", "<", "yellow"),
    # packages, and packages on a target
    "registered": LOOKS["pending"],
    "testing": ("◑", ">", "yellow"),
    "ready": LOOKS["done"],
    "resolving": LOOKS["running"],
    "unresolvable": LOOKS["failed"],
    "absent": LOOKS["pending"],
    "distributing": LOOKS["running"],
    "distributed": ("◇", "d", "cyan"),
    "deploying": LOOKS["running"],
    "deployed": LOOKS["live"],
    "replaced": ("·", ".", "yellow"),
    "falling_back": ("↶", "<", "yellow"),
    "blocked": LOOKS["locked"],
    # rollouts and answers
    "held": LOOKS["waiting"],
    "needs_decision": LOOKS["waiting"],
    "stuck": LOOKS["errored"],
    "succeeded": LOOKS["live"],
    "approved": LOOKS["done"],
    "rejected": LOOKS["failed"],
}
WORDS = {  # words that differ from the state's name
    "absent": "Not distributed",
    "held": "Held up",
    "needs_decision": "Needs a decision",
    "succeeded": "Done",
    "unresolvable": "Cannot be resolved",
}
STEP_WORDS = {
    "prepare": "Prepare",
    "distribute": "Distribute",
    "release": "Release command",
    "start": "Start",
    "check": "Check",
    "switch": "Switch",
    "retire": "Retire",
}
KIND_WORDS = {
    "deploy": "Deploy",
    "promote": "Promote",
    "rollback": "Roll back",
    "restart": "Restart",
    "automatic_rollback": "Automatic rollback",
}
BYTES_PER = 1024


def is_unicode() -> bool:
    """Whether the terminal can show the shapes. It checks the real stdout, because Rich replaces stdout while it redraws."""
    encoding = sys.__stdout__.encoding if sys.__stdout__ else sys.stdout.encoding
    return (encoding or "").lower().replace("-", "").startswith("utf")


def shape(state: str) -> str:
    look = LOOKS.get(state, LOOKS["unknown"])
    return look[0] if is_unicode() else look[1]


def colour(state: str) -> str:
    return LOOKS.get(state, LOOKS["unknown"])[2]


def word(state: str) -> str:
    """``superseded`` → ``Superseded``."""
    return WORDS.get(state) or state.replace("_", " ").capitalize()


def lost_writes(placement: dict[str, Any]) -> str:
    """A sentence about files that the application writes and the next deployment would lose; "" if there are none."""
    places = placement.get("lost_writes") or []
    if not places:
        return ""
    sentence = f"In {placement['environment']['name']} it writes files that will be lost at the next deployment: "
    sentence += ", ".join(place["name"] for place in places[:5]) + "."
    targets = [place["target"] for place in places if place["target"]]
    return sentence + (
        f" A volume keeps them: fairway apps edit {placement['application']['slug']} --volume data:{targets[0]}"
        if targets
        else ""
    )


def seconds(value: float | None) -> str:
    """A duration: ``0.3 s``, ``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def moment(text: str | None) -> datetime | None:
    """A time from the API."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def instant(text: str | None) -> str:
    """A time from the API for a sentence: ``2026-03-01 08:00 UTC``."""
    at = moment(text)
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def ago(text: str | None, now: datetime | None = None) -> str:
    """How long ago a time from the API was: ``just now``, ``5 min ago``, ``3 h ago``, ``2 d ago``, then the date."""
    at = moment(text)
    if at is None:
        return ""
    passed = ((now or datetime.now(UTC)) - at).total_seconds()
    if passed < 60:
        return "just now"
    for limit, size, unit in ((3600, 60, "min"), (86400, 3600, "h"), (30 * 86400, 86400, "d")):
        if passed < limit:
            return f"{passed // size:.0f} {unit} ago"
    return f"{at:%Y-%m-%d}"


def size(count: int) -> str:
    """Bytes: ``12 kB`` style, in powers of 1024."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < BYTES_PER or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= BYTES_PER
    return ""


def short(digest: str) -> str:
    """``sha256:3f2a…`` → its first twelve digits."""
    return digest.removeprefix("sha256:")[:12]


def version(one: dict[str, Any]) -> str:
    """The version of a deployment, or words for it while its artifact is not known."""
    return str(one.get("version") or short(one.get("digest") or "") or "—")


def probe(figure: dict[str, Any] | None) -> str:
    """``0 of 1,240 requests failed, new version first seen at +212 ms``."""
    if not figure:
        return ""
    text = f"{figure['failed']:,} of {figure['sent']:,} requests failed"
    first = figure.get("first_seen_ms")
    return text if first is None else f"{text}, new version first seen at +{first:.0f} ms"


def judgement(judged: dict[str, Any] | None) -> str:
    """``Answers no worse than the version before: 0 of 1,000 requests failed, 95% took up to 104 ms.``

    "" if there was nothing to compare.
    """
    if not judged or judged["verdict"] == "too_few":
        return ""
    if judged["sentence"]:
        return f"Answers worse than the version before. {judged['sentence']}"
    after = judged["after"]
    text = f"Answers no worse than the version before: {after['failed']:,} of {after['requests']:,} requests failed"
    return f"{text}." if after["p95_ms"] is None else f"{text}, 95% took up to {after['p95_ms']:,.0f} ms."


def away(absence: dict[str, Any] | None) -> str:
    """A sentence about how a deployment interrupts visitors; "" if it does not."""
    if not absence:
        return ""
    about = "" if absence["seconds"] is None else f", for about {seconds(absence['seconds'])}"
    first = f"It stores data in the volume {', '.join(absence['volumes'])}: the old version stops before the new one starts"
    return f"{first}, and visitors see the starting page meanwhile{about}."


def source(kind: str, given: dict[str, Any]) -> str:
    """A source in one line."""
    if kind == "image":
        return str(given.get("image", ""))
    if kind == "git":
        folder = f":{given['folder']}" if given.get("folder") else ""
        return f"{given.get('url', '')}#{given.get('ref', 'HEAD')}{folder}"
    return str(given.get("name") or given.get("url") or f"upload {given.get('upload', '')[:12]}")


def replicas(placement: dict[str, Any]) -> str:
    """How many instances there should be; of each service, where there are several: ``web 2, worker 1``."""
    counts = placement["services"]
    if len(counts) == 1:
        return str(placement["replicas"])
    return ", ".join(f"{name} {count}" for name, count in counts.items())
