"""Broken versions: the old one serves on, nothing extra is left, and a person understands what happened."""

from __future__ import annotations

import contextlib
import subprocess

import pytest

from fairway.shared.masking import MASK
from tests.services.installation import wait_for
from tests.workflows import tinyapp
from tests.workflows.desk import Desk, Visitors
from tests.workflows.tinyapp import BROKEN

SECRET = "hunter2-and-more"  # noqa: S105


@pytest.fixture(scope="module")
def broken(fairway, tmp_path_factory):
    """Every broken version shipped over a good one, all at the same time: (desk, slug, good deployment, bad one) by knob."""
    desk = Desk(fairway, tmp_path_factory.mktemp("broken"))
    slugs = {knob: desk.new(knob) for knob in BROKEN}
    good = {knob: fairway.deploy(slug) for knob, slug in slugs.items()}
    for number in good.values():
        fairway.live(number)
    # The port alone decides here, else the health path would be answered before it dies.
    fairway.call("PATCH", f"/applications/{slugs['short-lived']}", {"spec": {**tinyapp.SPEC, "health_path": None}})
    with contextlib.ExitStack() as stack:  # people visit the good versions all the time
        visitors = {
            knob: stack.enter_context(Visitors(fairway.proxy_port, f"{slug}.staging.localhost", pause=0.1))
            for knob, slug in slugs.items()
        }
        bad = {knob: desk.ship(slugs[knob], "2", **knobs) for knob, (knobs, _, _) in BROKEN.items()}
        for number in bad.values():
            fairway.ended(number)
    return {knob: (desk, slugs[knob], good[knob], bad[knob], visitors[knob]) for knob in BROKEN}


@pytest.mark.parametrize("knob", BROKEN)
def test_a_broken_version_leaves_the_old_one_serving(broken, knob):
    _, words, last_line = BROKEN[knob]
    desk, slug, good, bad, visitors = broken[knob]
    found = desk.fairway.ended(bad)
    assert found["status"] == "failed"
    assert words in found["sentence"]
    assert last_line in found["detail"].splitlines()
    assert last_line in desk.fairway.log_of(bad)
    desk.serves(slug, good, "1")
    assert visitors.sent > 0
    assert (visitors.failed, visitors.seen) == ([], {"1"})


def test_a_version_that_dies_after_its_check_is_not_switched_to_for_good(desk):
    slug, first = desk.launched("treacherous")
    hold = desk.gate()
    with desk.routes_locked():
        number = desk.ship(slug, "2", dies_after=3.0)  # it lasts out its probation
        desk.fairway.reached(number, "switch")
        name = f"fairway-{slug}.staging-d{number}-0"
        wait_for(lambda: desk.state_of(name).get("restarts", 0) > 0 or desk.state_of(name).get("app") is None, "it dies")
    hold.open()
    found = desk.fairway.ended(number)
    assert found["status"] == "failed"
    assert "was ready and then ended" in found["sentence"]
    assert "dying now" in found["detail"]
    desk.serves(slug, first, "1")


def test_the_first_version_failing_leaves_nothing_behind(desk):
    slug = desk.new("stillborn", crashes=True)
    found = desk.fairway.ended(desk.fairway.deploy(slug))
    assert found["status"] == "failed"
    assert desk.names(slug) == []
    assert desk.visit(slug).headers["x-fairway-page"] == "unknown"
    placement = desk.fairway.placement(slug)
    assert (placement["current"], placement["version"]) == (None, "")


def test_a_visitor_sees_that_a_first_version_is_coming(desk):
    hold = desk.gate()
    slug = desk.new("coming", start_held_by=hold.port)
    number = desk.fairway.deploy(slug)
    desk.fairway.reached(number, "check")
    assert desk.visit(slug).headers["x-fairway-page"] == "starting"
    hold.open()
    desk.fairway.live(number)


def test_a_folder_nobody_can_make_sense_of(desk):
    slug, first = desk.launched("vague")
    folder = desk.folder / "vague"
    folder.mkdir()
    (folder / "notes.txt").write_text("buy milk")
    found = desk.fairway.ended(desk.fairway.deploy(slug, source=desk.fairway.upload(folder)))
    assert found["status"] == "failed"
    assert found["sentence"].startswith("Nothing here says how to run it.")
    desk.serves(slug, first, "1")


def test_a_requirement_that_does_not_exist(desk):
    slug, first = desk.launched("needy")
    found = desk.fairway.ended(desk.ship(slug, "2", requirements="./no-such-folder\n"))
    assert found["status"] == "failed"
    assert found["sentence"].startswith("uv pip install ended with code")
    assert "no-such-folder" in found["detail"]
    assert desk.names(slug) == [f"fairway-{slug}.staging-d{first}-0"]
    desk.serves(slug, first, "1")
    assert list((desk.fairway.data / "work").glob(f"deployment-{found['id']}")) == []


def test_required_settings_that_are_missing(desk):
    slug, first = desk.launched("strict")
    desk.fairway.call("PATCH", f"/applications/{slug}", {"spec": {**tinyapp.SPEC, "requires": ["GREETING"]}})
    found = desk.fairway.ended(desk.ship(slug, "2"))
    assert (found["status"], found["sentence"]) == ("failed", "Required settings are missing: GREETING.")
    desk.serves(slug, first, "1")
    desk.configure(slug, variables={"GREETING": "hello"})
    number = desk.fairway.deploy(slug)
    desk.fairway.live(number)
    desk.serves(slug, number, "2")


def test_what_could_not_be_reached_is_errored_and_not_the_versions_fault(desk):
    slug, first = desk.launched("faraway")
    source = {"kind": "git", "url": "https://no-such-host.invalid/team/app.git", "ref": "main"}
    ended = desk.fairway.ended(desk.fairway.deploy(slug, source=source))
    assert ended["status"] == "errored"
    assert "no-such-host.invalid" in ended["sentence"]
    assert desk.fairway.deployment(first)["status"] == "live"
    assert desk.fairway.visit(f"{slug}.staging.localhost").status == 200


def test_a_version_whose_bytes_are_gone_is_refused_before_anything_starts(desk):
    slug, first = desk.launched("ours")
    number = desk.ship(slug, "2")
    desk.fairway.live(number)
    bundles = desk.fairway.data / "bundles"
    digest = desk.fairway.deployment(first)["digest"].removeprefix("sha256:")
    (bundles / digest).rename(bundles / "elsewhere")
    refused = desk.fairway.api("POST", "/rollbacks", {"application": slug, "environment": "staging"})
    assert (refused.status, refused.json["blockers"][0]["code"]) == (409, "artifact_gone")
    (bundles / "elsewhere").rename(bundles / digest)
    desk.fairway.live(desk.roll_back(slug))


def test_secrets_appear_nowhere(desk):
    slug = desk.new("secretive", says=["the password is {PASSWORD}"])
    desk.configure(slug, secrets={"PASSWORD": SECRET})
    good = desk.fairway.deploy(slug)
    desk.fairway.live(good)
    assert desk.says(slug)["secret_letters"] == len(SECRET)
    bad = desk.fairway.ended(desk.ship(slug, "2", raises="cannot use {PASSWORD}"))
    assert bad["sentence"].endswith(f"while starting. Its last error: RuntimeError: cannot use {MASK}.")
    assert f"cannot use {MASK}" in bad["detail"]
    assert f"cannot use {MASK}" in desk.fairway.log_of(bad["id"])
    placement = f"/applications/{slug}/environments/staging"
    answers = [f"/deployments/{good}", f"/deployments/{good}/log/raw", f"/deployments/{bad['id']}"]
    answers += [f"/deployments/{bad['id']}/log", f"{placement}/placement", f"{placement}/placement/output"]
    answers += [f"{placement}/configuration", f"{placement}/configuration/versions/1/changes", "/events?limit=200"]
    for path in answers:
        assert SECRET not in desk.fairway.api("GET", path).text, path
    output = desk.fairway.call("GET", f"{placement}/placement/output")
    assert f"the password is {MASK}" in [line["text"] for line in output]
    seen = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert SECRET not in seen
    _is_on_no_disk(desk, slug)


def _is_on_no_disk(desk, slug):
    """Only the application itself may write it down, into its own output."""
    secret = SECRET.encode()
    for place in desk.fairway.data.rglob("*"):
        if place.is_file() and not place.is_symlink() and "logs" not in place.parts:
            assert secret not in place.read_bytes(), place


def test_a_hundred_thousand_lines_are_kept_in_order(desk):
    slug = desk.new("chatty", build_lines=100_000)
    number = desk.fairway.deploy(slug)
    desk.fairway.live(number)
    lines = desk.fairway.log_of(number).splitlines()
    printed = [line for line in lines if line.startswith("build line ")]
    assert printed == [f"build line {n}" for n in range(100_000)]
    assert len(lines) == desk.fairway.deployment(number)["log_lines"]
    page = desk.fairway.call("GET", f"/deployments/{number}/log?after=99000&limit=2000")
    assert [line["n"] for line in page["lines"]] == list(range(99_001, len(lines) + 1))[:2000]
