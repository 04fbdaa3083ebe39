"""Parts that several statements share: subjects, times, configurations, events with the signed head above them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from fairway.accounts.queries import visible_events
from fairway.accounts.rules import Actor, Blocked, Blocker
from fairway.activity.checking import head_file
from fairway.activity.heads import Head, first_mismatch, public_key
from fairway.activity.models import Event
from fairway.activity.queries import EventFilter, events, hashes_of, newest_event
from fairway.activity.rules import canonical
from fairway.applications.models import Artifact, Configuration
from fairway.applications.secrets import seal

# Names of types are URIs. “.invalid” can never belong to anybody (RFC 6761), so nobody else can mean something by these.
TYPES = "https://fairway.invalid/evidence"
DEPLOYMENT, RELEASE = f"{TYPES}/deployment/v1", f"{TYPES}/release/v1"


def refuse_nothing(what: str) -> NoReturn:
    """Raise `Blocked`: there are no bytes yet about which anything could be said."""
    words = {"what": what}
    sentence = _("%(what)s has no built or fetched version, so there is nothing that evidence could be about.") % words
    raise Blocked([Blocker(code="nothing_to_prove", sentence=sentence)])


def subject_of(artifact: Artifact) -> dict[str, Any]:
    """The artifact as in-toto names it. A bundle's digest is computed over the list of its files, an image's over its
    manifest."""
    algorithm, _colon, value = artifact.digest.partition(":")
    return {
        "name": f"{artifact.application.slug} {artifact.version}",
        "digest": {algorithm: value},
        "annotations": {"kind": artifact.kind, **({"reference": artifact.reference} if artifact.reference else {})},
    }


def configuration_of(configuration: Configuration | None) -> dict[str, Any] | None:
    """Number and fingerprint of a configuration, never a value. The fingerprint is made with a key of the installation, so
    that nobody can find values by trying; equal ones mean equal settings."""
    if configuration is None:
        return None
    content = {"variables": configuration.variables, "secrets": configuration.marks}
    return {"version": configuration.version, "fingerprint": seal().mark(canonical(content).decode(), digits=64)}


def moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def address_of(name: str, number: int) -> str:
    """The public URL of a page."""
    return settings.PUBLIC_URL.rstrip("/") + reverse(name, args=[number])


def events_about(actor: Actor, subjects: Mapping[str, Sequence[int]]) -> list[Event]:
    """The events about these subjects (ids by kind) that the actor may see, oldest first."""
    return list(visible_events(actor, events(EventFilter(about=[subjects]))).order_by("pk")) if subjects else []


def chained(found: Iterable[Event], head: Head | None) -> dict[str, Any]:
    """Numbers and hashes of events, and the signed head (see `fitting_head`) if it covers all of them."""
    seen = list(found)
    listed = [{"number": one.pk, "hash": one.hash, "verb": one.verb, "at": moment(one.at)} for one in seen]
    is_covered = head is not None and (not seen or head.event >= seen[-1].pk)
    return {"events": listed, "head": asdict(head) if head is not None and is_covered else None}


def fitting_head() -> Head | None:
    """The newest signed head; None if there is none yet, or if the chain of events does not fit it."""
    head = head_file().last()
    if head is None:
        return None
    newest = newest_event()[0]
    return None if first_mismatch([head], hashes_of([head.event]), newest, key=public_key(settings.HEAD_KEY)) else head
