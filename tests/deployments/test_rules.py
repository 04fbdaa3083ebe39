import pytest

from fairway.deployments.rules import (
    ACTIVE,
    ENDED,
    NEXT,
    Health,
    Status,
    Strategy,
    expected_seconds,
    may_move,
    most_replicas,
    overall_health,
    shown_status,
    strategy_of,
    volumes_in_common,
)

DATA, MORE = ("data", "/data"), ("more", "/more")


def test_what_has_ended_never_moves_again():
    for status in ENDED:
        assert not NEXT[status]


def test_every_active_status_can_end_as_errored():
    for status in ACTIVE:
        assert may_move(status, Status.ERRORED)


def test_a_queued_deployment_does_not_succeed_without_running():
    assert not may_move(Status.QUEUED, Status.SUCCEEDED)


@pytest.mark.parametrize(
    ("status", "is_current", "word"),
    [
        ("succeeded", True, "live"),
        ("succeeded", False, "superseded"),
        ("failed", False, "failed"),
        ("queued", False, "queued"),
    ],
)
def test_the_word_people_see(status, is_current, word):
    assert shown_status(status, is_current=is_current) == word


@pytest.mark.parametrize(
    ("healthy", "wanted", "is_stopped", "health"),
    [
        (2, 2, False, Health.HEALTHY),
        (1, 2, False, Health.DEGRADED),
        (0, 2, False, Health.DOWN),
        (0, 1, True, Health.STOPPED),
    ],
)
def test_health_over_all_replicas(healthy, wanted, is_stopped, health):
    assert overall_health(healthy, wanted, is_stopped=is_stopped) == health


def test_the_expected_time_is_the_median():
    assert expected_seconds([]) is None
    assert expected_seconds([9.0, 1.0, 2.0]) == 2.0
    assert expected_seconds([1.0, 2.0, 3.0, 100.0]) == 2.5


@pytest.mark.parametrize(("volumes", "strategy", "most"), [((), Strategy.OVERLAP, 8), ((DATA,), Strategy.RECREATE, 1)])
def test_what_stores_data_is_there_once(volumes, strategy, most):
    assert (strategy_of(volumes), most_replicas(volumes)) == (strategy, most)


@pytest.mark.parametrize(
    ("old", "new", "common"),
    [
        ((), (DATA,), ()),
        ((DATA,), (), ()),
        ((DATA,), (MORE,), ()),
        ((DATA, MORE), (MORE,), ("more",)),
        ((DATA,), (("data", "/elsewhere"),), ("data",)),
    ],
)
def test_versions_have_a_volume_in_common_by_its_name_wherever_they_see_it(old, new, common):
    assert volumes_in_common(old, new) == common
