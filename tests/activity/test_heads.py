"""The chain against its signed heads: whatever is done to the tables, what was signed outside of them says otherwise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from fairway.accounts.record import acknowledge, request_verification
from fairway.accounts.rules import Blocked
from fairway.activity import triggers
from fairway.activity.checking import (
    continue_verification,
    current_verification,
    head_file,
    last_check,
    restart_verification,
    restore_triggers,
)
from fairway.activity.head_file import BEFORE, NEWEST, HeadFile
from fairway.activity.heads import Head, Mismatch, first_mismatch, parse_head, parse_heads
from fairway.activity.models import ChainCheck, ChainHead, Event
from fairway.activity.queries import hashes_of, verify
from fairway.activity.rules import GENESIS, Break, chained_hash
from fairway.activity.signing import sign_head
from fairway.cli.audit_file import verify_lines
from fairway.config.audit import verified
from fairway.config.data import DataDirectory
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from tests.activity.test_chain import append
from tests.conftest import drop_event_triggers

KEY = hashlib.sha256(b"a key").digest()


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    """A data directory of this test's own: heads outlive the tables of other tests."""
    settings.DATA = DataDirectory(tmp_path / "data")
    settings.HEAD_KEY = KEY
    return settings.DATA.folder()


def signed(events: int) -> list[Event]:
    """So many events; all of them checked, and a head signed."""
    rows = [append() for _ in range(events)]
    continue_verification()
    assert sign_head(head_file()) is not None
    return rows


def cut(event: Event) -> None:
    Event.objects.filter(pk__gt=event.pk).delete()


def set_head(event: Event | None) -> None:
    ChainHead.objects.filter(pk=1).update(event_id=event.pk if event else 0, hash=event.hash if event else GENESIS)


def forget_what_was_checked() -> None:
    ChainCheck.objects.all().delete()


# --- attacks on the tables; each begins with six events


def tail_alone(rows: list[Event]) -> None:
    cut(rows[3])


def tail_and_head(rows: list[Event]) -> None:
    cut(rows[3])
    set_head(rows[3])


def tail_and_head_and_what_was_checked(rows: list[Event]) -> None:
    tail_and_head(rows)
    forget_what_was_checked()


def tail_and_then_life_goes_on(rows: list[Event]) -> None:
    tail_and_head_and_what_was_checked(rows)
    for _ in range(9):
        append()


def head_alone(rows: list[Event]) -> None:
    set_head(rows[2])


def head_alone_forgotten(rows: list[Event]) -> None:
    ChainHead.objects.all().delete()


def everything(rows: list[Event]) -> None:
    Event.objects.all().delete()


def everything_and_the_head(rows: list[Event]) -> None:
    everything(rows)
    ChainHead.objects.all().delete()


def everything_and_every_table(rows: list[Event]) -> None:
    everything_and_the_head(rows)
    forget_what_was_checked()


def everything_written_anew(rows: list[Event]) -> None:
    """Eve writes the same events with another actor, hashes and head and all."""
    everything_and_every_table(rows)
    previous = GENESIS
    for row in rows:
        row.actor_name, row.previous_hash = "Eve", previous
        row.hash = previous = chained_hash(previous, row.content())
        row.save(force_insert=True)
    ChainHead.objects.create(pk=1, event_id=rows[-1].pk, hash=previous)


def two_in_another_order(rows: list[Event]) -> None:
    one, other = rows[1].pk, rows[2].pk
    for old, new in ((one, 10**9), (other, one), (10**9, other)):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE fairway_event SET id = %s WHERE id = %s", [new, old])
    forget_what_was_checked()


def one_exchanged(rows: list[Event]) -> None:
    Event.objects.filter(pk=rows[2].pk).update(actor_name="Eve")
    forget_what_was_checked()


ATTACKS: list[tuple[Callable[[list[Event]], None], Break]] = [
    (tail_alone, Break.END),
    (tail_and_head, Break.END),
    (tail_and_head_and_what_was_checked, Break.HEADS),
    (tail_and_then_life_goes_on, Break.HEADS),
    (head_alone, Break.END),
    (head_alone_forgotten, Break.END),
    (everything, Break.END),
    (everything_and_the_head, Break.END),
    (everything_and_every_table, Break.HEADS),
    (everything_written_anew, Break.HEADS),
    (two_in_another_order, Break.MISSING),
    (one_exchanged, Break.CHANGED),
]


@pytest.mark.parametrize(("attack", "code"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_every_attack_on_the_tables_is_found_and_stays_found(db, attack, code):
    rows = signed(6)
    assert continue_verification().broken_at is None
    (kept,) = head_file().all()
    attack(rows)
    found = continue_verification()
    assert (found.code, found.broken_at is not None, bool(found.sentence)) == (code, True, True), found.sentence
    told = Event.objects.get(verb="audit.broken")
    assert told.comment == found.sentence
    append()
    still_there = hashes_of([kept.event]).get(kept.event) == kept.hash
    assert (sign_head(head_file()) is not None) == still_there, "a chain that does not fit the newest head gets no other"
    restart_verification()
    assert continue_verification().broken_at is not None
    assert not verified([]).is_intact
    assert not current_verification().is_intact


@pytest.mark.parametrize(("attack", "code"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_a_kept_head_finds_it_without_any_file_of_the_installation(db, attack, code, place):
    rows = signed(6)
    kept = [parse_head(sign.line()) for sign in head_file().all()]
    lines = [_exported(event) for event in Event.objects.order_by("pk")]
    assert verify_lines(lines, [vars(one) for one in kept]).broken_at is None
    attack(rows)
    for file in (place / "heads").iterdir():
        file.unlink()
    assert not verified(kept).is_intact
    lines = [_exported(event) for event in Event.objects.order_by("pk")]
    found = verify_lines(lines, [vars(one) for one in kept])
    says_no = found.broken_at is not None or found.gaps > 0 or not found.first_is_genesis
    assert says_no == (attack not in (head_alone, head_alone_forgotten)), "an export has no head"


def _exported(event: Event) -> str:
    rest = {"id": event.pk, "previous_hash": event.previous_hash, "hash": event.hash}
    return json.dumps({**event.content(), **rest})


# --- an older backup


def restored(rows: list[Event], *, tells: bool) -> None:
    tail_and_head_and_what_was_checked(rows)
    if tells:
        append("installation.restored", after={"created_at": "2026-03-01T00:00:00+00:00"})


@pytest.mark.parametrize("tells", [True, False])
def test_an_older_backup_is_said_as_such_and_an_administrator_acknowledges_it_once(admin, viewer, tells):
    rows = signed(6)
    restored(rows, tells=tells)
    found = continue_verification()
    assert found.code == Break.HEADS
    assert ("An older backup, of 2026-03-01T00:00:00+00:00, was put back since." in found.sentence) is tells
    for other, why in ((viewer, "because"), (admin, "  ")):
        with pytest.raises((Blocked, Invalid)):
            acknowledge(actor=other, reason=why)
    head = acknowledge(actor=admin, reason="the disk died; the backup of 1 March was put back")
    event = Event.objects.get(verb="audit.acknowledged")
    assert (event.pk, event.actor_name, event.before["sentence"]) == (head.acknowledges, admin.name, found.sentence)
    for _ in range(20):  # past the numbers that were signed once
        append()
    restart_verification()
    found = continue_verification()
    assert (found.broken_at, found.whole_at is not None) == (None, True), found.sentence
    assert sign_head(head_file()) is not None
    assert verify(head_file().valid()).is_intact
    with pytest.raises(Refused, match="nothing to acknowledge"):
        acknowledge(actor=admin, reason="again")


@pytest.mark.parametrize("attack", [two_in_another_order, one_exchanged])
def test_what_no_backup_explains_is_not_acknowledged(admin, attack):
    attack(signed(6))
    continue_verification()
    with pytest.raises(Refused, match="No backup explains"):
        acknowledge(actor=admin, reason="please")
    assert last_check().broken_at is not None
    assert not Event.objects.filter(verb="audit.acknowledged").exists()


def test_a_walk_that_is_on_its_way_is_not_sent_back_to_the_beginning(admin, viewer):
    for _ in range(6):
        append()
    continue_verification()
    with pytest.raises(Blocked):
        request_verification(actor=viewer)
    assert request_verification(actor=admin)
    steps = 0
    while continue_verification(at_once=2).whole_at is None:
        assert not request_verification(actor=admin)
        steps += 1
    assert steps == Event.objects.count() // 2


# --- the triggers


@pytest.fixture
def guarded(transactional_db):
    triggers.put(connection)
    yield
    drop_event_triggers()


COLUMNS = [field.column for field in Event._meta.concrete_fields]


def _sql_copy(*, number: str = "id", digest: str = "hash") -> str:
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    values = ", ".join({"id": number, "hash": digest}.get(name, f'"{name}"') for name in COLUMNS)
    return (
        f"INTO fairway_event ({columns}) SELECT {values} FROM fairway_event WHERE id = (SELECT min(id) FROM fairway_event)"
    )


STATEMENTS = {
    "sqlite": [
        f"INSERT OR REPLACE {_sql_copy()}",
        f"INSERT OR REPLACE {_sql_copy(digest=repr('f' * 64))}",
        f"INSERT OR REPLACE {_sql_copy(number='id + 1000')}",
        f"INSERT OR REPLACE {_sql_copy(number='(SELECT max(id) FROM fairway_event)', digest=repr('e' * 64))}",
        f"REPLACE {_sql_copy(digest=repr('d' * 64))}",
        f"INSERT {_sql_copy(number='-7', digest=repr('c' * 64))}",
        f"INSERT {_sql_copy(number='0', digest=repr('b' * 64))}",
        f"INSERT {_sql_copy(number='id + 1', digest=repr('a' * 64))}",
        "UPDATE OR REPLACE fairway_event SET hash = (SELECT max(hash) FROM fairway_event)",
        "UPDATE OR IGNORE fairway_event SET id = id + 5000",
        f"INSERT {_sql_copy()} ON CONFLICT (id) DO UPDATE SET comment = 'x'",
        "WITH one AS (SELECT 1) DELETE FROM fairway_event",
    ],
    "postgresql": [
        "TRUNCATE fairway_event, fairway_notice",
        "TRUNCATE fairway_event RESTART IDENTITY CASCADE",
        "DELETE FROM fairway_event",
        "DELETE FROM fairway_event WHERE false",
        "UPDATE fairway_event SET comment = 'x'",
        "WITH gone AS (DELETE FROM fairway_event RETURNING id) SELECT count(*) FROM gone",
        "SET LOCAL session_replication_role = replica; DELETE FROM fairway_event",
        f"INSERT {_sql_copy()} ON CONFLICT (id) DO UPDATE SET comment = 'x'",
        f"INSERT {_sql_copy(number='-7', digest=repr('c' * 64))}",
        f"INSERT {_sql_copy(digest=repr('a' * 64))} ON CONFLICT DO NOTHING",
        "MERGE INTO fairway_event e USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    ],
}


def test_no_statement_changes_replaces_or_takes_away_an_event(guarded):
    for _ in range(3):
        append()
    before = list(Event.objects.order_by("pk").values())
    for statement in STATEMENTS[connection.vendor]:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert list(Event.objects.order_by("pk").values()) == before, statement
    append()
    assert verify().is_intact


def test_a_trigger_that_is_gone_or_only_looks_like_it_is_found_and_put_back(guarded):
    append()
    assert triggers.missing(connection) == []
    assert restore_triggers() == []
    empty = {
        "sqlite": "CREATE TRIGGER {} BEFORE UPDATE ON fairway_event BEGIN SELECT 1; END",
        "postgresql": "ALTER TABLE fairway_event DISABLE TRIGGER {}",
    }[connection.vendor]
    names = list(triggers.SQLITE if connection.vendor == "sqlite" else triggers.POSTGRESQL)
    for name in names:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(f"DROP TRIGGER {name}")
                assert triggers.missing(connection) == [name]
            cursor.execute(empty.format(name))
        assert triggers.missing(connection) == [name]
        assert "no longer refuses changes" in verified([]).sentence
        assert restore_triggers() == [name]
        assert Event.objects.latest("pk").before == {"missing": [name]}
    assert triggers.missing(connection) == []


# --- the heads themselves


def head(number: int = 1, **values: object) -> Head:
    return replace(Head(number, 5, "a" * 64, 5, "2026-01-01T00:00:00+00:00"), **values).signed(KEY)  # type: ignore[arg-type]


def test_a_head_says_what_it_said_when_it_was_signed():
    one = head()
    assert one.is_authentic()
    assert parse_head(one.line()) == one
    changes = {"number": 2, "event": 6, "hash": "b" * 64, "count": 6, "at": "2026-01-02T00:00:00+00:00", "acknowledges": 1}
    for name, value in changes.items():
        assert not replace(one, **{name: value}).is_authentic(), name  # type: ignore[arg-type]
    assert not replace(one, key=head().signed(hashlib.sha256(b"other").digest()).key).is_authentic()
    for broken in ("", "!", "é", one.signature[:-4], "A" * 86):
        assert not replace(one, signature=broken).is_authentic()


def test_a_head_signed_by_somebody_else_is_no_head_of_this_installation():
    theirs = replace(head()).signed(hashlib.sha256(b"other").digest())
    found = first_mismatch([theirs], {5: "a" * 64}, 9, key=head().key)
    assert found is not None
    assert found.kind == Mismatch.FORGED


@pytest.mark.parametrize(
    "line",
    ["", "x", "[]", "{}", "[" * 3000, '{"number": 1}', head().line().replace('"event":5', '"event":-1'), "1" * 5000,
     head().line().replace('"event":5', '"event":true'), head().line().replace('"event":5', '"event":1e99')],
)  # fmt: skip
def test_what_is_no_head_is_said(line):
    with pytest.raises(Invalid, match="is no signed head"):
        parse_head(line)
    if line:
        with pytest.raises(Invalid, match="line 2"):
            parse_heads([head().line(), line])


def test_the_book_is_bounded_and_always_has_the_newest(tmp_path):
    kept = HeadFile(tmp_path / "heads", largest=2000)
    for number in range(1, 60):
        with kept.writing():
            kept.add(head(number))
        assert kept.last() == head(number)
    assert sum((tmp_path / "heads" / name).stat().st_size for name in (NEWEST, BEFORE)) < 6000
    numbers = [one.number for one in kept.all()]
    assert numbers == list(range(numbers[0], 60)), "carried over, and told once"
    assert HeadFile(tmp_path / "heads", largest=2000).valid() == kept.all()
    assert (tmp_path / "heads" / NEWEST).stat().st_mode & 0o077 == 0


def test_a_line_that_was_cut_by_a_full_disk_costs_that_line_only(tmp_path):
    kept = HeadFile(tmp_path / "heads")
    with kept.writing():
        kept.add(head(1))
    place = tmp_path / "heads" / NEWEST
    place.write_bytes(place.read_bytes() + head(2).line().encode()[:100])
    assert kept.last() == head(1)
    kept.add(head(3))
    assert kept.all() == [head(1), head(3)]


def test_heads_are_signed_at_a_cadence_and_only_for_what_is_new(db):
    assert sign_head(head_file()) is None, "nothing happened yet"
    rows = [append() for _ in range(3)]
    first = sign_head(head_file())
    assert first is not None
    assert (first.event, first.hash, first.count) == (rows[2].pk, rows[2].hash, 3)
    assert sign_head(head_file()) is None
    newest = append()
    assert sign_head(head_file(), every=timedelta(hours=1)) is None
    second = sign_head(head_file())
    assert second is not None
    assert (second.number, second.event, second.count) == (first.number + 1, newest.pk, 4)


def test_the_key_is_made_once_and_is_its_owners_only(tmp_path: Path):
    data = DataDirectory(tmp_path / "data")
    assert len(data.head_key()) == 32
    assert data.head_key() == DataDirectory(data.path).head_key()
    assert (data.path / "keys" / "head.key").stat().st_mode & 0o777 == 0o600
