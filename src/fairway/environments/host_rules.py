"""The state of a Docker host that is reached over SSH, and the sentences that describe it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from fairway.drivers.hosts.address import SshAddress
from fairway.drivers.hosts.keys import fingerprint
from fairway.drivers.hosts.reasons import Reason
from fairway.shared.translation import translate

SEEN_EVERY: Final = timedelta(seconds=20)  # how often an unchanged observation is stored again, to show that it is fresh
STALE_AFTER: Final = 3 * SEEN_EVERY


class HostState(StrEnum):
    """The state of a host, as people see it."""

    ASKING = "asking"  # its key is not known yet
    UNCONFIRMED = "unconfirmed"  # its key is known, but no person has confirmed it
    CHANGED = "changed"  # it offers another key than the confirmed one
    AWAY = "away"
    CONNECTED = "connected"


@dataclass(frozen=True)
class HostFacts:
    """The facts in a host's row: the confirmed key, the key it offered last, and the result and time of the last check."""

    address: str
    host_key: str
    offered_key: str
    is_connected: bool
    reason: str
    version: str
    seen_at: datetime | None


def host_state(facts: HostFacts, now: datetime) -> HostState:
    """The state of a host. A changed key counts before everything else."""
    if not facts.host_key:
        return HostState.UNCONFIRMED if facts.offered_key else HostState.ASKING
    if facts.offered_key and facts.offered_key != facts.host_key:
        return HostState.CHANGED
    return HostState.CONNECTED if facts.is_connected and not _is_stale(facts, now) else HostState.AWAY


def host_sentence(facts: HostFacts, now: datetime) -> str:
    """A sentence that says what is wrong and what to do, in the reader's language."""
    address = SshAddress.parse(facts.address)
    words = {
        "host": f"{address.user}@{address.host}",
        "user": address.user,
        "socket": address.socket,
        "fingerprint": fingerprint(facts.offered_key),
        "known": fingerprint(facts.host_key),
        "version": facts.version,
    }
    match host_state(facts, now):
        case HostState.CONNECTED:
            return translate("Docker Engine {version} on {host}.", **words)
        case HostState.UNCONFIRMED:
            return translate("The key of {host} is not confirmed yet: {fingerprint}.", **words)
        case HostState.CHANGED:
            return translate(
                "{host} shows another key than the confirmed one: {fingerprint} instead of {known}. Nothing is sent there.",
                **words,
            )
        case HostState.ASKING if not facts.reason:
            return translate("{host} is being asked for its key.", **words)
        case HostState.AWAY if facts.seen_at is None:
            return translate("{host} is being connected to.", **words)
        case HostState.AWAY if _is_stale(facts, now):
            return translate("No worker has looked at {host} for a while. Is one running?", **words)
    return _why(facts.reason, words)


def who_clears(facts: HostFacts, now: datetime) -> str:
    """Who can make the host usable again."""
    match host_state(facts, now):
        case HostState.UNCONFIRMED:
            return translate(
                "an Admin, by comparing the key with the host's own and confirming it on the environment's page"
            )
        case HostState.CHANGED:
            return translate("an Admin, by finding out why it changed and confirming the new one on the environment's page")
    if facts.reason == Reason.DENIED:
        return translate("whoever runs that host, by adding Fairway's public key to its authorized keys")
    return translate("whoever runs that host; Fairway connects again by itself")


def _is_stale(facts: HostFacts, now: datetime) -> bool:
    return facts.seen_at is None or now - facts.seen_at > STALE_AFTER


def _why(reason: str, words: Mapping[str, str]) -> str:
    match reason:
        case Reason.UNRESOLVED:
            return translate("The host {host} cannot be reached: its name is not known. Check the address.", **words)
        case Reason.REFUSED:
            return translate("The host {host} cannot be reached: nothing listens for SSH there.", **words)
        case Reason.SILENT:
            return translate("The host {host} cannot be reached: it does not answer.", **words)
        case Reason.UNTRUSTED:
            return translate("The host {host} shows another key than the confirmed one.", **words)
        case Reason.DENIED:
            return translate(
                "{host} does not let Fairway in. Add Fairway's public key to ~{user}/.ssh/authorized_keys there.", **words
            )
        case Reason.NO_SSH:
            return translate("Fairway's machine has no ssh. Install it (on Debian: apt-get install openssh-client).")
        case Reason.NO_ENGINE:
            return translate(
                "{host} is reached, but no Docker Engine answers at {socket}. Is it running, and may {user} use it?", **words
            )
    return translate("The host {host} cannot be reached.", **words)
