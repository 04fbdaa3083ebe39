"""The pages of commands: what was run once, running one, its log, cancelling it."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from fairway.accounts.rules import SYSTEM, Role
from fairway.applications.models import Application
from fairway.deployments.commands.jobs import append_job_log, job_ended, job_exited, job_started, run_command
from fairway.deployments.models import JobRun
from fairway.deployments.rules import Status
from fairway.environments.commands import lock_environment
from fairway.environments.models import Environment
from fairway.workflows import register_all
from tests.conftest import make_person
from tests.web.conftest import Browser, live

TAB = "/applications/hello/commands?environment=staging"
RUN = "/applications/hello/in/staging/commands"


@pytest.fixture
def deployer(db: None, browse: Browser) -> Client:
    return browse(make_person("dora", Role.DEPLOYER))


@pytest.fixture
def looker(db: None, browse: Browser) -> Client:
    return browse(make_person("vera", Role.VIEWER))


def ran(hello: Application, staging: Environment, *command: str, code: int | None = None) -> JobRun:
    """One that a worker has run, if it has a `code`."""
    one = run_command(actor=SYSTEM, application=hello, environment=staging, command=command)
    if code is not None:
        job_started(one)
        append_job_log(job_id=one.pk, lines=[(1, time.time(), "run", "stdout", "hello from it")])
        job_exited(job=one, code=code)
        one.refresh_from_db()
        job_ended(one, Status.FAILED if code else Status.SUCCEEDED, f"It ended with code {code}." if code else "")
    return one


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return answer.content.decode()


def test_a_command_is_run_and_its_page_follows(deployer, hello, staging):
    live(hello, staging)
    assert "No command was run in Staging" in text_of(deployer, TAB)
    answer = deployer.post(RUN, {"command": "A=1 echo 'hello there' && echo ${HOME}", "reason": "to see"})
    one = JobRun.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/commands/{one.pk}")
    assert one.command == ["A=1", "echo", "hello there", "&&", "echo", "${HOME}"]
    assert (one.requested_by, one.door, one.reason) == ("dora", "web", "to see")
    page = text_of(deployer, f"/commands/{one.pk}")
    assert "hello there" in page
    assert f'data-stream="/commands/{one.pk}/log/stream"' in page
    assert f"/commands/{one.pk}" in text_of(deployer, TAB)
    again = text_of(deployer, f"{TAB}&again={one.pk}")
    assert deployer.post(RUN, {"command": _value(again)}).status_code == 302
    assert JobRun.objects.order_by("pk").last().command == one.command, "what is offered again is the same"


def _value(page: str) -> str:
    from html import unescape

    return unescape(page.split('name="command" value="')[1].split('"')[0])


@pytest.mark.parametrize(
    ("line", "words"),
    [("", "required"), ("echo 'x", "quote that is not closed"), ("a | b", "ses “|”"), ("echo $(id)", "inside a command")],
)
def test_a_wrong_command_is_told_beside_its_field_and_kept(deployer, hello, staging, line, words):
    live(hello, staging)
    answer = deployer.post(RUN, {"command": line})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    if line:
        assert _value(page) == line
    assert not JobRun.objects.exists()


def test_why_it_cannot_be_run_is_said_before_somebody_types(deployer, looker, hello, staging):
    page = text_of(deployer, TAB)
    assert "Nothing is deployed here yet" in page
    assert 'name="command"' not in page
    live(hello, staging)
    assert 'name="command"' in text_of(deployer, TAB)
    page = text_of(looker, TAB)
    assert 'data-code="role"' in page
    assert 'name="command"' not in page
    assert looker.post(RUN, {"command": "echo x"}).status_code in {403, 409}
    lock_environment(actor=SYSTEM, environment=staging, reason="counting")
    assert "is locked by" in text_of(deployer, TAB)
    answer = deployer.post(RUN, {"command": "echo x"})
    assert answer.status_code == 409
    assert not JobRun.objects.exists()


def test_how_it_ended_and_what_it_printed(looker, hello, staging):
    live(hello, staging)
    good, bad = ran(hello, staging, "echo", "x", code=0), ran(hello, staging, "exit", "3", code=3)
    page = text_of(looker, f"/commands/{bad.pk}")
    assert "It ended with code 3." in page
    assert "hello from it" in page
    assert "Run it again" not in page
    assert "It ended" not in text_of(looker, f"/commands/{good.pk}")
    assert looker.get(f"/commands/{good.pk}/log").json()["lines"][0]["text"] == "hello from it"
    answer = looker.get(f"/commands/{good.pk}/log").json()
    assert (answer["is_complete"], answer["next"]) == (True, None)
    raw = looker.get(f"/commands/{good.pk}/log/raw")
    assert b"hello from it" in b"".join(raw.streaming_content)
    assert f'filename="hello-command-{good.pk}.log"' in raw["Content-Disposition"]
    history = text_of(looker, TAB)
    assert history.index("exit 3") < history.index("echo x")
    assert "echo x" not in text_of(looker, TAB.replace("staging", "production"), 404)


def test_it_is_cancelled(deployer, looker, hello, staging):
    live(hello, staging)
    register_all()
    one = ran(hello, staging, "sleep", "100")
    assert looker.post(f"/commands/{one.pk}/cancellation").status_code in {403, 409}
    assert deployer.post(f"/commands/{one.pk}/cancellation", {"reason": "x" * 501}).status_code == 422
    assert deployer.post(f"/commands/{one.pk}/cancellation").status_code == 302
    one.refresh_from_db()
    assert one.status == "cancelled"
    assert "Cancelled by dora" in text_of(deployer, f"/commands/{one.pk}")


def test_who_may_not_see_the_place_sees_no_command_of_it(browse, hello, staging, production):
    live(hello, production)
    one = ran(hello, production, "echo", "x", code=0)
    browser = browse(make_person("lou", Role.VIEWER, environment=staging))
    paths = [f"/commands/{one.pk}{rest}" for rest in ("", "/log", "/log/raw", "/log/stream")]
    for path in [*paths, TAB.replace("staging", "production"), "/commands/9999"]:
        assert browser.get(path).status_code == 404, path
    assert "echo x" not in text_of(browser, "/applications/hello/commands")


def test_words_of_a_failure_are_said_in_french(looker, hello, staging):
    live(hello, staging)
    one = ran(hello, staging, "exit", "3", code=3)
    page = looker.get(f"/commands/{one.pk}", headers={"Accept-Language": "fr"}).content.decode()
    assert "It ended" not in page
