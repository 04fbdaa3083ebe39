"""A runtime is opened once for the same options; one that could not be opened is tried again."""

from __future__ import annotations

from fairway.environments import runtimes
from fairway.environments.models import Environment


def test_the_same_options_give_the_same_runtime():
    one, other = (Environment(slug=slug, runtime="docker", options={"memory_mb": 100}) for slug in ("one", "other"))
    assert runtimes.runtime_of(one) is runtimes.runtime_of(other)
    other.options = {"host": "unix:///elsewhere.sock"}
    assert runtimes.runtime_of(one) is not runtimes.runtime_of(other)


def test_one_that_could_not_be_opened_is_tried_again():
    wrong = Environment(slug="wrong", runtime="process", options={"colour": "red"})
    assert runtimes.runtime_of(wrong) is not runtimes.runtime_of(wrong)
    assert not runtimes.runtime_of(wrong).availability().is_available


def test_few_are_kept():
    for number in range(2 * runtimes._MOST_OPEN):
        runtimes.runtime_of(Environment(runtime="docker", options={"host": f"unix:///{number}.sock"}))
    assert len(runtimes._opened) == runtimes._MOST_OPEN
