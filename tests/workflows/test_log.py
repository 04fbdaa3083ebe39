"""The deployment's log: numbered, masked, storable, and written by one worker at a time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.queries import log_lines
from fairway.engine.workflow import LeaseLost
from fairway.shared.masking import MASK, Masker
from fairway.workflows.log import BATCH_LINES, LONGEST_LINE, DeploymentLog
from tests.conftest import make_artifact


@pytest.fixture
def deployment(deployer, hello, staging):
    return request_deployment(actor=deployer, application=hello, environment=staging, artifact=make_artifact(hello))


@pytest.fixture
def opened(deployment):
    def open_log(*secrets):
        deployment.refresh_from_db()
        return DeploymentLog(SimpleNamespace(step="check", check=lambda: None), deployment, Masker(secrets))

    return open_log


def test_lines_are_numbered_on_and_tell_their_step_and_stream(deployment, opened):
    first = opened()
    first.line("one\ntwo")
    first.say("three")
    first.write()
    second = opened()
    second.line("four", stream="stderr")
    second.write()
    found = log_lines(deployment)
    assert [(line["n"], line["stream"], line["text"]) for line in found] == [
        (1, "stdout", "one"), (2, "stdout", "two"), (3, "fairway", "three"), (4, "stderr", "four"),
    ]  # fmt: skip
    assert {line["step"] for line in found} == {"check"}


def test_secrets_are_masked_also_where_a_long_line_is_cut(deployment, opened):
    log = opened("hunter2hunter2")
    log.line("x" * (LONGEST_LINE - 7) + "hunter2hunter2")
    log.line("first hunter2hunter2 and aHVudGVyMmh1bnRlcjI= last")
    log.write()
    texts = [line["text"] for line in log_lines(deployment)]
    assert all("hunter2" not in text for text in texts)
    assert texts[1] == f"first {MASK} and {MASK} last"


def test_what_no_database_stores_is_replaced(deployment, opened):
    log = opened()
    log.line("a\x00b \udc80 é")
    log.line("y" * (LONGEST_LINE + 1))
    log.write()
    texts = [line["text"] for line in log_lines(deployment)]
    assert texts == ["a␀b ? é", "y" * LONGEST_LINE + " … (cut)"]


def test_many_lines_are_written_as_they_come(deployment, opened):
    log = opened()
    for number in range(BATCH_LINES):
        log.line(str(number))
    deployment.refresh_from_db()
    assert deployment.log_lines == BATCH_LINES


def test_a_second_writer_has_lost_its_lease(opened):
    ours, theirs = opened(), opened()
    for log in (ours, theirs):
        log.line("mine")
    theirs.write()
    with pytest.raises(LeaseLost):
        ours.write()
