"""release.yaml against what there is: the plan is the deed, the deed is whole or nothing, and done twice it does nothing."""

from __future__ import annotations

import pytest

from fairway.accounts.rules import Blocked
from fairway.activity.models import Event
from fairway.releases.commands.approvals import seal
from fairway.releases.commands.manifest import apply_manifest, plan_manifest
from fairway.releases.export import release_file
from fairway.releases.manifest import parse_release
from fairway.releases.models import Package, Release
from fairway.releases.target_state import needs_in, packages_of
from fairway.shared.names import Invalid
from tests.conftest import make_person

FILE = """
release: Autumn
version: "2026.11"
description: New checkout
targets: [staging, production]
packages:
  db: registry.test/db:1
  api: {source: "registry.test/api:1", needs: [db]}
  web: {source: "registry.test/web:1", needs: [api], stage: ready}
"""


@pytest.fixture
def both(desk):
    return make_person("grace", *desk.manager.roles, *desk.deployer.roles)


def apply(actor, text=FILE):
    return apply_manifest(actor=actor, manifest=parse_release(text))


def plan(actor, text=FILE):
    return plan_manifest(actor=actor, manifest=parse_release(text))


def written(steps):
    return [f"{one.verb} {one.what} {one.detail}".strip() for one in steps]


def edges(release):
    packages = list(packages_of(release))
    names = {one.pk: one.name for one in packages}
    return {f"{names[one]}>{names[other]}" for one, others in needs_in(packages).items() for other in others}


def test_a_plan_is_what_is_done_and_changes_nothing(both):
    planned = plan(both)
    assert not Release.objects.exists()
    assert not Event.objects.filter(subject_kind__in=["release", "package"]).exists()
    done = apply(both)
    assert written(planned) == written(done.steps) == [
        "create Autumn 2026.11", "add db registry.test/db:1", "add api registry.test/api:1", "add web registry.test/web:1",
        "need api db", "need web api",
    ]  # fmt: skip
    assert (done.release.manager.username, done.release.description) == ("grace", "New checkout")
    assert edges(done.release) == {"api>db", "web>api"}


def test_done_twice_it_does_nothing_and_what_is_written_is_read_again(both):
    release = apply(both).release
    events = Event.objects.count()
    assert (written(apply(both).steps), written(plan(both, release_file(release)))) == ([], [])
    assert Event.objects.count() == events


def test_a_file_turned_round_turns_the_release_round(both):
    release = apply(both).release
    turned = FILE.replace("db: registry.test/db:1", 'db: {source: "registry.test/db:1", needs: [api]}')
    turned = turned.replace("needs: [db]", "needs: [web]").replace(", needs: [api], stage", ", stage")
    done = written(apply(both, turned).steps)
    assert done == ["unneed api db", "unneed web api", "need db api", "need api web"]
    assert edges(release) == {"db>api", "api>web"}


def test_packages_that_are_not_named_leave_with_their_edges(both):
    release = apply(both).release
    shorter = FILE.replace('  api: {source: "registry.test/api:1", needs: [db]}\n', "").replace(
        "needs: [api]", "needs: [db]"
    )
    shorter = shorter.replace("New checkout", "Less").replace("db:1", "db:2")
    done = written(apply(both, shorter).steps)
    assert done == ["edit Autumn 2026.11 description", "remove api", "change db registry.test/db:2", "need web db"]
    assert edges(release) == {"web>db"}
    assert {one.name for one in packages_of(release)} == {"db", "web"}


@pytest.mark.parametrize(
    ("change", "field", "line", "words"),
    [
        (("description: New checkout", "manager: nobody"), "manager", 4, "nobody"),
        (("description: New checkout", "deputy: nobody"), "deputy", 4, "nobody"),
        (("staging, production", "staging, mars"), "targets", 5, "there is no environment mars"),
        (("registry.test/api:1", "UPPER CASE"), "file", 8, "api"),
        (("needs: [db]", "needs: [ghost]"), "file", 8, "“ghost” is not a package"),
    ],
)
def test_a_refusal_names_its_line_and_leaves_all_as_it_was(both, change, field, line, words):
    release = apply(both).release
    bad = FILE.replace("db:1", "db:2").replace(*change)
    for attempt in (plan, apply):
        with pytest.raises(Invalid) as refused:
            attempt(both, bad)
        assert refused.value.field == field
        assert f"line {line}" in refused.value.sentence
        assert words in refused.value.sentence
    assert Package.objects.get(release=release, name="db").source_input == "registry.test/db:1"


def test_what_is_sealed_or_not_yours_is_refused(both, desk):
    release = desk.release("1", packages="db api", needs="api>db")
    text = release_file(release)
    seal(actor=desk.manager, release=release)
    assert written(plan(both, text)) == []  # it says what is there
    with pytest.raises(Blocked):
        apply(both, text.replace("    needs:\n    - db\n", ""))
    with pytest.raises(Blocked):
        apply(desk.deployer)
    assert edges(release) == {"api>db"}
