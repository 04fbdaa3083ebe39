"""What a release is follows from facts; what a rollout does next follows from where its packages are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.releases.graph import descendants, levels, needs_of
from fairway.releases.plan import IN_FLIGHT, NEXT_STEP_STATUS, RolloutStep, StepStatus, Verdict, after_choice, next_plan
from fairway.releases.rules import (
    ROLLOUT_ENDED,
    ROLLOUT_NOT_BEGUN,
    ROLLOUT_UNDER_WAY,
    Choice,
    Direction,
    ReleaseFacts,
    RolloutFacts,
    RolloutStatus,
    fingerprint,
    release_status,
    shown_on_target,
)
from fairway.releases.source_input import parse_source_input
from fairway.shared.names import Invalid

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDED = RolloutFacts(RolloutStatus.FAILED, NOON)


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (ReleaseFacts(), "draft"),
        (ReleaseFacts(sealed_at=NOON), "sealed"),
        (ReleaseFacts(sealed_at=NOON, rollouts=[RolloutFacts(RolloutStatus.SCHEDULED)]), "scheduled"),
        (ReleaseFacts(rollouts=[RolloutFacts(RolloutStatus.HELD)]), "scheduled"),
        (ReleaseFacts(rollouts=[RolloutFacts(RolloutStatus.NEEDS_DECISION)]), "in_progress"),
        (ReleaseFacts(is_anything_deployed=True, sealed_at=NOON), "in_progress"),
        (ReleaseFacts(is_deployed_on_last_target=True, is_anything_deployed=True), "released"),
        (ReleaseFacts(rollouts=[ENDED], is_anything_deployed=True), "failed"),
        (ReleaseFacts(rollouts=[ENDED], sealed_at=NOON - timedelta(hours=1)), "failed"),
        (ReleaseFacts(rollouts=[ENDED], sealed_at=NOON + timedelta(hours=1)), "sealed"),
        (ReleaseFacts(rollouts=[RolloutFacts(RolloutStatus.FALLEN_BACK, NOON)]), "fallen_back"),
        (ReleaseFacts(rollouts=[RolloutFacts(RolloutStatus.CANCELLED, NOON)]), "draft"),
        (ReleaseFacts(is_cancelled=True, is_anything_deployed=True), "cancelled"),
    ],
)
def test_the_status_follows_the_facts(facts, status):
    assert release_status(facts) == status


def test_every_rollout_is_planned_under_way_or_over():
    assert set(RolloutStatus) == ROLLOUT_NOT_BEGUN | ROLLOUT_UNDER_WAY | ROLLOUT_ENDED


def test_deployed_is_a_word_for_what_is_served():
    assert shown_on_target("deployed", is_served=True) == "deployed"
    assert shown_on_target("deployed", is_served=False) == "replaced"
    assert shown_on_target("distributed", is_served=False) == "distributed"


TEXT = st.text("abc", min_size=1, max_size=2)


@given(st.dictionaries(TEXT, TEXT), st.lists(st.tuples(TEXT, TEXT)), TEXT, TEXT)
def test_any_change_is_another_fingerprint_and_order_is_none(packages, edges, name, digest):
    found = fingerprint(packages, {}, edges)
    assert found == fingerprint(dict(reversed(packages.items())), {}, edges[::-1])
    assert found != fingerprint({**packages, name: f"{digest}!"}, {}, edges)
    assert found != fingerprint(packages, {name: {digest: 1}}, edges)
    assert found != fingerprint(packages, {}, [*edges, ("z", "y")])


@pytest.mark.parametrize(
    ("entered", "kind", "source"),
    [
        ("registry.test:5000/team/api:1.2", "image", {"image": "registry.test:5000/team/api:1.2"}),
        (f"nginx@sha256:{'a' * 64}", "image", {"image": f"nginx@sha256:{'a' * 64}"}),
        ("https://git.test/team/api.git#v1.2", "git", {"url": "https://git.test/team/api.git", "ref": "v1.2"}),
        ("git@git.test:team/api.git", "git", {"url": "git@git.test:team/api.git", "ref": "HEAD"}),
        (
            f"https://files.test/api.tar.gz#sha256:{'b' * 64}",
            "archive",
            {"url": "https://files.test/api.tar.gz", "checksum": f"sha256:{'b' * 64}"},
        ),
        ("nginx", "image", {"image": "nginx"}),
        ("1.4", "version", {"application": "", "version": "1.4"}),
        ("v2.0-rc1", "version", {"application": "", "version": "v2.0-rc1"}),
        ("#17", "version", {"application": "", "version": "#17"}),
        ("shop-api 3f2a1c9", "version", {"application": "shop-api", "version": "3f2a1c9"}),
        (f"shop-api sha256:{'c' * 64}", "version", {"application": "shop-api", "version": f"sha256:{'c' * 64}"}),
    ],
)
def test_what_a_person_enters_is_read_as_what_it_is(entered, kind, source):
    assert parse_source_input(entered) == (kind, source)


@pytest.mark.parametrize("entered", ["", "  ", "x" * 1001])
def test_nothing_and_too_much_are_refused(entered):
    with pytest.raises(Invalid, match="source"):
        parse_source_input(entered)


# --- a whole rollout, played through with a coin for every package

EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=16)


class Played:
    """A rollout on paper: what the plan starts goes well, or fails for those in `bad`."""

    def __init__(self, edges, bad, parallel):
        downwards = [(max(pair), min(pair)) for pair in edges if pair[0] != pair[1]]
        self.needs, self.bad, self.parallel = needs_of(range(8), downwards), bad, parallel
        self.level = levels(self.needs)
        self.step = dict.fromkeys(range(8), StepStatus.PENDING)
        self.ours: set[int] = set()
        self.history: list[tuple[str, int]] = []
        self.direction = Direction.FORWARD

    def steps(self):
        return [RolloutStep(one, self.level[one], step, one in self.ours) for one, step in self.step.items()]

    def move(self, one, step):
        assert step in NEXT_STEP_STATUS[self.step[one]], f"{self.step[one]} → {step}"
        self.step[one] = step

    def run(self):
        """Until a person must decide, or it is done."""
        for _ in range(200):
            plan = next_plan(self.steps(), self.needs, parallel=self.parallel, direction=self.direction)
            if plan.verdict is not Verdict.WORK:
                self._block(plan)
                return plan.verdict
            self._start(plan)
            assert sum(step in IN_FLIGHT for step in self.step.values()) <= self.parallel
            self._end()
        raise AssertionError("it never ends")

    def _block(self, plan):
        for one in plan.block:
            self.move(one, StepStatus.BLOCKED)

    def _start(self, plan):
        self._block(plan)
        for names, step in ((plan.distribute, StepStatus.DISTRIBUTING), (plan.deploy, StepStatus.DEPLOYING)):
            for one in names:
                self.move(one, step)
        for one in plan.fall_back:
            self.move(one, StepStatus.FALLING_BACK)

    def _end(self):
        for one, step in self.step.items():
            if step is StepStatus.DISTRIBUTING:
                self.move(one, StepStatus.DISTRIBUTED)
            elif step is StepStatus.DEPLOYING:
                assert all(self.step[needed] in {StepStatus.DEPLOYED} for needed in self.needs[one])
                self.move(one, StepStatus.FAILED if one in self.bad else StepStatus.DEPLOYED)
                self.history.append(("deployed", one))
                self.ours |= set() if one in self.bad else {one}
            elif step is StepStatus.FALLING_BACK:
                self.move(one, StepStatus.FALLEN_BACK)
                self.history.append(("back", one))


@given(EDGES, st.integers(1, 8))
def test_without_failures_everything_is_deployed_after_what_it_needs(edges, parallel):
    played = Played(edges, set(), parallel)
    assert played.run() is Verdict.DONE
    assert set(played.step.values()) == {StepStatus.DEPLOYED}


@given(EDGES, st.sets(st.integers(0, 7), min_size=1), st.integers(1, 8))
def test_a_failure_blocks_exactly_what_needs_it_and_starts_no_further_level(edges, bad, parallel):
    played = Played(edges, bad, parallel)
    assert played.run() is Verdict.DECIDE
    failed = {one for one, step in played.step.items() if step is StepStatus.FAILED}
    blocked = {one for one, step in played.step.items() if step is StepStatus.BLOCKED}
    assert failed
    assert failed <= bad
    assert blocked == descendants(failed, played.needs)
    lowest = min(played.level[one] for one in failed)
    assert all(played.level[one] <= lowest for kind, one in played.history)


@given(EDGES, st.sets(st.integers(0, 7), min_size=1), st.integers(1, 8))
def test_skipping_again_and_again_deploys_all_that_needs_nothing_bad(edges, bad, parallel):
    played = Played(edges, bad, parallel)
    while played.run() is Verdict.DECIDE:
        for one, step in after_choice(Choice.SKIP, played.steps(), played.needs, distributed=range(8)).items():
            if played.step[one] != step:
                played.move(one, step)
    good = {one for one, step in played.step.items() if step is StepStatus.DEPLOYED}
    assert good == set(range(8)) - bad - descendants(bad, played.needs)
    assert set(played.step.values()) <= {StepStatus.DEPLOYED, StepStatus.SKIPPED}


@given(EDGES, st.sets(st.integers(0, 7), min_size=1), st.integers(1, 8))
def test_retrying_once_mended_ends_well(edges, bad, parallel):
    played = Played(edges, bad, parallel)
    assert played.run() is Verdict.DECIDE
    played.bad = set()
    for one, step in after_choice(Choice.RETRY, played.steps(), played.needs, distributed=range(8)).items():
        played.move(one, step)
    assert played.run() is Verdict.DONE
    assert set(played.step.values()) == {StepStatus.DEPLOYED}


@given(EDGES, st.sets(st.integers(0, 7), min_size=1), st.integers(1, 8))
def test_going_back_undoes_exactly_what_was_done_the_last_first(edges, bad, parallel):
    played = Played(edges, bad, parallel)
    assert played.run() is Verdict.DECIDE
    foreseen = after_choice(Choice.FALL_BACK_ALL, played.steps(), played.needs, distributed=range(8))
    played.direction = Direction.BACK
    assert played.run() is Verdict.DONE
    undone = [one for kind, one in played.history if kind == "back"]
    assert set(undone) == played.ours == foreseen.keys()
    assert StepStatus.DEPLOYED not in played.step.values()
    for above in undone:
        for needed in played.needs[above] & set(undone):
            assert undone.index(above) < undone.index(needed)
