"""The ledger: a known load is counted once, whatever happens to clocks, workers and machines meanwhile."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairway.deployments.commands.progress import removed
from fairway.monitoring.metering import forget_meters, meter
from fairway.monitoring.metering_rules import DAY, HOUR, METERS_KEPT, Metered, metered
from fairway.monitoring.models import Meter, UsageSample
from fairway.monitoring.rules import FINE, Reading, sample_of
from tests.exploring import examples
from tests.monitoring.conftest import MB, NOW, USED, used

LIMIT = 512 * MB
SLOTS = HOUR // FINE
AT = NOW - NOW % DAY  # the start of a day


@st.composite
def lives(draw):
    """An hour of one instance that uses half a CPU: when it starts again, which rounds nobody reads, and by how many rounds
    the wall clock is set back at some of them."""
    rounds = draw(st.integers(2, SLOTS))
    some = st.sets(st.integers(1, rounds - 1), max_size=12)
    return rounds, draw(some), draw(some), draw(st.dictionaries(st.integers(1, rounds - 1), st.integers(1, 60), max_size=3))


@given(lives())
@settings(max_examples=examples(60), deadline=None)
def test_no_second_is_counted_twice_and_none_is_invented(life):
    rounds, restarts, missed, set_back = life
    stored, last, began, wall = {}, None, 0, 0
    for slot in range(rounds):
        if slot in restarts:
            began = slot
        wall += 1 - set_back.get(slot, 0)
        if slot in missed:
            continue
        reading = Reading(slot * FINE, str(began), (slot - began) * FINE / 2, MB, LIMIT, 0, 1.0)
        if found := sample_of([(last, reading)]):
            stored.setdefault(wall, found)  # as the unique constraint does
        last = reading
    in_hour = [one for at, one in stored.items() if 0 <= at < SLOTS]
    total = metered(in_hour, HOUR)
    assert total.seconds == FINE * len(in_hour) <= rounds * FINE
    assert total.replica_seconds == total.seconds
    assert total.cpu_ms <= 500 * total.seconds
    assert total.cpu_reserved_ms == 1000 * total.seconds
    assert (total.memory_byte_seconds, total.memory_reserved_byte_seconds) == (MB * total.seconds, LIMIT * total.seconds)
    read = sorted(set(range(rounds)) - missed)
    if not set_back and not restarts:
        assert total.seconds == FINE * sum(later - sooner == 1 for sooner, later in pairwise(read)), "and none is lost"
        assert total.cpu_ms == 500 * total.seconds


@given(st.lists(st.integers(1, 18), max_size=500), st.integers(1, 8))
@settings(max_examples=examples(60), deadline=None)
def test_an_hour_has_no_more_seconds_than_an_hour(spans, instances):
    total = metered((replace(USED, seconds=span, instances=instances) for span in spans), HOUR)
    assert total.seconds == min(HOUR, sum(spans))
    assert total.replica_seconds <= instances * HOUR
    assert total.memory_byte_seconds <= total.memory_reserved_byte_seconds <= HOUR * USED.limit_bytes
    assert total.cpu_ms <= total.cpu_reserved_ms


def rows(length=HOUR):
    return {row.at - AT: row.metered for row in Meter.objects.filter(length=length)}


@pytest.mark.django_db
def test_hours_and_their_day_are_the_sum_of_all_services_and_may_be_made_again(placed):
    for slot in (0, 1, SLOTS + 5):
        used(placed, AT + slot * FINE, cpu_limit=1.5)
        used(placed, AT + slot * FINE, service="worker", instances=2)
    for _ in range(2):
        meter(now=AT + 2 * HOUR)
    first, second = rows()[0], rows()[HOUR]
    assert first == Metered(20, 60, 8000, 34000, 40 * 100 * MB, 40 * 512 * MB)
    assert rows(DAY) == {0: first + second}
    assert rows(DAY)[0].seconds == 30, "what was not read is missing"


@pytest.mark.django_db
def test_samples_that_are_deleted_take_nothing_from_the_ledger_and_a_removed_placement_neither(placed):
    used(placed, AT)
    used(placed, AT + FINE)
    meter(now=AT + 60)
    UsageSample.objects.filter(at=AT).delete()
    meter(now=AT + 120)
    assert rows()[0].seconds == 20
    removed(placement=placed)
    meter(now=AT + 180)
    assert rows(DAY)[0].seconds == 20


@pytest.mark.django_db
def test_rows_are_deleted_by_age_and_those_of_a_wrong_clock(placed):
    used(placed, AT)
    meter(now=AT + 60)
    assert forget_meters(now=AT + METERS_KEPT[HOUR]) == 0
    assert forget_meters(now=AT + METERS_KEPT[HOUR] + HOUR) == 1
    assert forget_meters(now=AT - 2 * DAY) == 1
