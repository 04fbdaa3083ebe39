"""The table of verbs: nothing is recorded without words, and no words are left that nothing records."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import polib
import pytest
from django.db import transaction
from django.utils import translation

import fairway
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import EventFilter, events
from fairway.activity.rules import On, Who
from fairway.activity.verbs import GROUPS, RENAMED, SEVERITIES, VERBS, Severity, event_sentence, find, severity_of
from fairway.deployments.rules import Status
from fairway.releases.rules import RolloutStatus

SOURCE = Path(fairway.__file__).parent
FRENCH = polib.pofile(str(SOURCE / "locale/fr/LC_MESSAGES/django.po"))
# ``verb=f"deployment.{status}"``: the words these statuses are, one of which it becomes.
BY_STATUS: dict[str, set[str]] = {
    "deployment.": {Status.SUCCEEDED, Status.FAILED, Status.ERRORED, Status.CANCELLED},
    "job.": {Status.SUCCEEDED, Status.FAILED, Status.ERRORED, Status.CANCELLED},
    "rollout.": {RolloutStatus.SUCCEEDED, RolloutStatus.FAILED, RolloutStatus.FALLEN_BACK, RolloutStatus.CANCELLED},
}
ADA = Who(id=1, name="ada", acting_role="", door="web")


@cache
def parsed() -> list[tuple[Path, ast.Module]]:
    chosen = [path for path in SOURCE.rglob("*.py") if path.name != "verbs.py" and "migrations" not in path.parts]
    return [(path, ast.parse(path.read_text())) for path in chosen]


def recorded() -> Iterator[tuple[str, str]]:
    """(file and line, verb) of everything that is written out where it is recorded."""
    for path, module in parsed():
        calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
        for call in calls:
            if not (isinstance(call.func, ast.Name) and call.func.id == "record"):
                continue
            for argument in (one.value for one in call.keywords if one.arg == "verb"):
                where = f"{path.relative_to(SOURCE)}:{argument.lineno}"
                yield from ((where, verb) for verb in _verbs(argument))


def _verbs(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.IfExp):
        yield from (*_verbs(argument.body), *_verbs(argument.orelse))
    elif isinstance(argument, ast.JoinedStr):
        first = argument.values[0]
        assert isinstance(first, ast.Constant)
        yield from (f"{first.value}{status}" for status in BY_STATUS[str(first.value)])


def test_every_verb_that_is_recorded_is_in_the_table():
    found = list(recorded())
    assert len(found) > 80
    assert [one for one in found if find(one[1]) is None] == []


def test_every_verb_of_the_table_is_recorded_somewhere():
    """Some are handed on as values before they are recorded, so every text in the code counts, and those by status."""
    texts = {
        node.value
        for _, module in parsed()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    } | {f"{first}{status}" for first, statuses in BY_STATUS.items() for status in statuses}
    assert [key for key in VERBS if not {key, *(old for old, new in RENAMED.items() if new == key)} & texts] == []


def test_every_verb_has_a_sentence_in_both_languages_a_group_and_a_severity():
    french = {entry.msgid: entry for entry in FRENCH if not entry.obsolete}
    for verb in VERBS.values():
        with translation.override("en"):
            english = str(verb.sentence)
        assert not english.endswith((".", ":")), verb.key
        assert english[0] == "{" or english[0].isupper(), verb.key
        translated = french[english]
        assert translated.msgstr, verb.key
        assert not translated.fuzzy, verb.key
        for place in ("{who}", "{what}"):
            assert english.count(place) == translated.msgstr.count(place) <= 1, verb.key
        assert verb.severity in SEVERITIES, verb.key
        assert verb.subjects, verb.key
    assert set(GROUPS) == {verb.group for verb in VERBS.values()}


def test_a_verb_without_words_or_on_something_else_is_refused(db):
    for verb, kind in (("thing.done", "application"), ("application.edited", "environment")):
        with pytest.raises(LookupError, match=verb), transaction.atomic():
            record(who=ADA, verb=verb, on=On(kind, 1, "Thing"))
    assert not Event.objects.exists()


def test_sentences_are_whole_in_both_languages():
    assert (
        event_sentence("rollout.scheduled", who="ada", what="shop 1 → Production")
        == "ada scheduled the rollout shop 1 → Production"
    )
    with translation.override("fr"):
        assert event_sentence("environment.locked", who="ada", what="Production").startswith(
            "ada a verrouillé l’environnement"
        )
        assert "{" not in event_sentence("person.signed_in", who="ada", what="ada")


def test_what_an_older_or_a_newer_fairway_wrote_stays_readable():
    assert event_sentence("release.frozen", who="ada", what="shop 1") == "ada sealed the release shop 1"
    assert event_sentence("moon.landed", who="ada", what="{who} <b>") == "ada: moon.landed, {who} <b>"
    assert severity_of("moon.landed") == Severity.INFO


def happened(verb: str, *, label: str = "Thing", who: str = "ada", comment: str = "") -> Event:
    """As a row, also where this version would not write it."""
    number = Event.objects.count() + 1
    return Event.objects.create(
        at="2026-01-01T00:00Z", actor_name=who, door="web", verb=verb, subject_kind=verb.partition(".")[0],
        subject_id=str(number), subject_label=label, comment=comment, hash=str(number), previous_hash="",
    )  # fmt: skip


def verbs_with(**wanted: object) -> list[str]:
    return [event.verb for event in events(EventFilter(**wanted)).order_by("pk")]  # type: ignore[arg-type]


def test_words_are_found_as_people_read_them_in_their_own_language(db):
    happened("environment.locked", label="Production", comment="Stocktaking")
    happened("environment.unlocked", label="Production")
    happened("environment.locked", label="Staging", who="grace")
    assert verbs_with(text="locked production") == ["environment.locked", "environment.unlocked"]
    assert verbs_with(text="Grace LOCKED") == ["environment.locked"]
    assert verbs_with(text="unlocked") == ["environment.unlocked"]
    assert verbs_with(text="stocktaking") == ["environment.locked"]
    assert verbs_with(text="verrouillé") == []
    with translation.override("fr"):
        assert verbs_with(text="déverrouillé") == verbs_with(text="deverrouille") == ["environment.unlocked"]
        assert verbs_with(text="environment.unlocked") == ["environment.unlocked"]


def test_a_severity_asks_for_this_serious_or_more(db):
    for verb in ("deployment.step_started", "moon.landed", "environment.unlocked", "environment.locked", "rollout.failed"):
        happened(verb)
    assert len(verbs_with(severity=Severity.DETAIL)) == 5
    assert verbs_with(severity=Severity.INFO) == [
        "moon.landed",
        "environment.unlocked",
        "environment.locked",
        "rollout.failed",
    ]
    assert verbs_with(severity=Severity.WARNING) == ["environment.locked", "rollout.failed"]
    assert verbs_with(severity=Severity.ERROR) == ["rollout.failed"]


def test_a_renamed_verb_is_found_under_both_names(db):
    happened("release.frozen")
    happened("release.sealed")
    for name in ("release.sealed", "release.frozen", "release"):
        assert verbs_with(verb=name) == ["release.frozen", "release.sealed"]
    assert verbs_with(text="sealed") == ["release.frozen", "release.sealed"]
    assert verbs_with(severity=Severity.WARNING) == []
