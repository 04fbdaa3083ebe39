"""A forge is told of each state of a deployment once and in order, whatever it answers and whoever dies in between."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import transaction
from django.db.models import F

from fairway.accounts.rules import SYSTEM
from fairway.activity.models import Event
from fairway.activity.queries import latest_number
from fairway.applications.credential_commands import delete_credential, save_credential
from fairway.applications.models import Application, Artifact
from fairway.deployments.commands import progress
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Deployment
from fairway.deployments.rules import Status
from fairway.drivers.forges.github import GitHub
from fairway.drivers.forges.statuses import Report
from fairway.drivers.posting import Line
from fairway.engine.models import Run
from fairway.environments.models import Environment
from fairway.pipelines import repositories
from fairway.pipelines.commands import reports
from fairway.pipelines.commands.forges import (
    connect_forge,
    disconnect_forge,
    edit_forge,
    reseal_forges,
    send_report_again,
    try_forge,
)
from fairway.pipelines.commands.reports import forges_due, forget_reports, make_reports, send_reports
from fairway.pipelines.forge_queries import conditions_of
from fairway.pipelines.models import ForgeConnection, ForgeDeployment, StatusReport
from fairway.pipelines.report_words import trouble_sentence
from fairway.pipelines.reporters import page_of
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.shared.retrying import DELAYS
from tests.conftest import make_artifact
from tests.pipelines.conftest import REPOSITORY, commit_of, connect
from tests.services.forge import TOKEN, FakeForge, Trick, soon

pytestmark = pytest.mark.django_db
_numbers = itertools.count(5000)
STAGING = "fairway/staging"


@pytest.fixture
def connection(forge: FakeForge, hook_app: Application) -> ForgeConnection:
    return connect(forge, hook_app)


def asked_for(application: Application, environment: Environment, commit: str = "") -> Deployment:
    """A deployment of a pushed commit is requested."""
    commit = commit or commit_of(next(_numbers))
    return request_deployment(actor=SYSTEM, application=application, environment=environment, commit=commit)


@transaction.atomic
def ran(deployment: Deployment, status: Status = Status.SUCCEEDED) -> Deployment:
    """A worker runs it, until it has this status."""
    deployment = Deployment.objects.get(pk=deployment.pk)
    progress.started(deployment)
    artifact: Artifact = make_artifact(deployment.application)
    values = {"commit": deployment.source["ref"], "source": deployment.source, "source_kind": "git"}
    Artifact.objects.filter(pk=artifact.pk).update(**values)
    artifact.refresh_from_db()
    progress.artifact_settled(deployment=deployment, artifact=artifact)
    progress.ended(deployment, status, "It was so.", "")
    Run.objects.filter(pk=deployment.run_id).delete()
    return Deployment.objects.get(pk=deployment.pk)


def work() -> int:
    """What the worker does in one look."""
    make_reports()
    return sum(send_reports(number) for number in forges_due())


def later(seconds: float) -> None:
    passed = timedelta(seconds=seconds)
    StatusReport.objects.update(next_at=F("next_at") - passed)
    ForgeConnection.objects.filter(rests_until__isnull=False).update(rests_until=F("rests_until") - passed)


def states() -> list[tuple[str, str]]:
    return list(StatusReport.objects.order_by("pk").values_list("progress", "state"))


def test_a_push_is_told_from_the_queue_to_its_success(forge, connection, hook_app, staging) -> None:
    deployment = asked_for(hook_app, staging)
    assert work() == 1
    assert forge.said_of(STAGING) == ["pending"]
    ran(deployment)
    assert work() == 2
    assert work() == 0
    [made] = forge.deployments.values()
    assert made["payload"] == {"fairway": page_of(deployment.pk)}
    assert (made["environment"], made["required_contexts"], made["auto_merge"]) == ("staging", [], False)
    assert [state for _number, state in forge.told] == ["queued", "in_progress", "success"]
    assert forge.said_of(STAGING) == ["pending", "pending", "success"]
    last = forge.statuses[-1]
    assert last["sha"] == deployment.source["ref"]
    assert last["target_url"] == page_of(deployment.pk)
    assert last["description"] == "Deployed to Staging"


@pytest.mark.parametrize(
    ("status", "at_github", "at_the_commit"),
    [(Status.FAILED, "failure", "failure"), (Status.ERRORED, "error", "error"), (Status.CANCELLED, "inactive", "error")],
)
def test_how_it_ended_is_told_and_nothing_of_what_it_said(
    forge, connection, hook_app, staging, status, at_github, at_the_commit
) -> None:
    ran(asked_for(hook_app, staging), status)
    work()
    assert forge.told[-1][1] == at_github
    assert forge.said_of(STAGING)[-1] == at_the_commit
    assert not any("It was so" in str(one) for one in forge.sent)


def test_what_another_version_followed_is_inactive(forge, connection, hook_app, staging, production) -> None:
    first, elsewhere = ran(asked_for(hook_app, staging)), ran(asked_for(hook_app, production))
    work()
    ran(asked_for(hook_app, staging))
    work()
    numbers = dict(ForgeDeployment.objects.values_list("deployment_id", "number"))
    assert forge.told[-1] == (int(numbers[first.pk]), "inactive")
    assert (int(numbers[elsewhere.pk]), "inactive") not in forge.told
    assert forge.said_of(STAGING)[-1] == "success"
    ran(asked_for(hook_app, staging))
    work()
    assert [state for number, state in forge.told if number == int(numbers[first.pk])].count("inactive") == 1


def test_what_followed_before_anybody_looked_is_inactive_too(forge, connection, hook_app, staging) -> None:
    first, second = ran(asked_for(hook_app, staging)), ran(asked_for(hook_app, staging))
    work()
    numbers = {one: int(number) for one, number in ForgeDeployment.objects.values_list("deployment_id", "number")}
    assert [state for number, state in forge.told if number == numbers[first.pk]][-1] == "inactive"
    assert [state for number, state in forge.told if number == numbers[second.pk]][-1] == "success"


def test_a_refusal_of_the_token_before_does_not_stop_the_next(forge, connection, hook_app, staging) -> None:
    """Somebody enters another token while the forge refuses the one before."""
    asked_for(hook_app, staging)
    make_reports()
    one = ForgeConnection.objects.select_related("application").get()
    report = next(reports._sendable(one))
    forge.token = "another-token"
    edit_forge(actor=SYSTEM, connection=connection, token="another-token")
    assert reports._send(report) is False
    connection.refresh_from_db()
    assert connection.stopped_at is None
    later(10**5)
    assert work() == 1
    assert forge.said_of(STAGING) == ["pending"]


def test_after_a_key_was_added_the_token_is_sealed_with_it(forge, connection, settings) -> None:
    before = connection.sealed_token
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    assert reseal_forges() == 1
    connection.refresh_from_db()
    assert connection.sealed_token != before
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    try_forge(actor=SYSTEM, connection=connection)


def test_gitlab_is_told(forge, hook_app, staging) -> None:
    connect(forge, hook_app, "gitlab")
    deployment = asked_for(hook_app, staging)
    work()
    ran(deployment)
    work()
    assert [state for _number, state in forge.told] == ["running", "success"]
    assert forge.said_of(STAGING) == ["pending", "running", "success"]
    [made] = forge.deployments.values()
    assert (made["environment"], made["ref"], made["tag"]) == ("staging", "main", False)


def test_gitea_is_told_by_commit_statuses_alone(forge, hook_app, staging) -> None:
    connect(forge, hook_app, "gitea")
    ran(asked_for(hook_app, staging))
    work()
    assert forge.said_of(STAGING) == ["pending", "pending", "success"]
    assert not forge.deployments
    assert {state for _progress, state in states()} == {"sent"}


def test_nothing_is_told_of_other_repositories_restarts_and_what_was_before(forge, hook_app, hello_image, staging) -> None:
    ran(asked_for(hook_app, staging))
    connection = connect(forge, hook_app)
    request_deployment(actor=SYSTEM, application=hello_image, environment=staging)
    assert work() == 0
    Application.objects.filter(pk=hook_app.pk).update(source={"url": "https://github.com/other/place", "ref": "main"})
    hook_app.refresh_from_db()
    ran(asked_for(hook_app, staging))
    assert work() == 0
    assert not forge.asked
    connection.refresh_from_db()
    assert connection.read_event == latest_number()


def test_a_branch_is_told_of_once_its_commit_is_known(forge, connection, hook_app, staging) -> None:
    deployment = request_deployment(actor=SYSTEM, application=hook_app, environment=staging)
    assert work() == 0
    progress.started(deployment)
    assert work() == 0
    artifact = make_artifact(hook_app)
    Artifact.objects.filter(pk=artifact.pk).update(commit=commit_of(7), source=deployment.source, source_kind="git")
    artifact.refresh_from_db()
    progress.artifact_settled(deployment=deployment, artifact=artifact)
    assert work() == 1
    assert [state for _number, state in forge.told] == ["in_progress"]


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
@pytest.mark.parametrize("cut", range(1, 8))
def test_whatever_is_cut_after_the_forge_has_acted_is_not_doubled(forge, hook_app, staging, kind, cut) -> None:
    """One of the first requests is done at the forge, but its answer is lost."""
    connect(forge, hook_app, kind)
    forge.will(*[Trick(acts=True, status=200, body="[]", method="NONE")])
    deployment = asked_for(hook_app, staging)
    ran(deployment)
    make_reports()
    real, count = forge.answer, itertools.count(1)

    def answer(method: str, *rest: Any) -> tuple[int, Any]:
        found = real(method, *rest)
        if next(count) == cut:
            raise ConnectionAbortedError
        return found

    forge.answer = answer
    for _ in range(4):
        work()
        later(DELAYS[0] * 1.2)
    assert {state for _progress, state in states()} == {"sent"}
    assert len(forge.deployments) == (0 if kind == "gitea" else 1)
    told = [state for _number, state in forge.told]
    expected = {"github": ["queued", "in_progress", "success"], "gitlab": ["running", "success"], "gitea": []}
    assert told == expected[kind]
    running = "running" if kind == "gitlab" else "pending"
    assert forge.said_of(STAGING) == ["pending", running, "success"]


@pytest.mark.parametrize("moment", ["made", "claimed", "opened", "remembered", "told"])
def test_whoever_is_killed_in_between_loses_and_doubles_nothing(
    forge, connection, hook_app, staging, moment, monkeypatch
) -> None:
    """The worker dies between {event, row, claim, deployment at the forge, its number, status, sent}."""

    class Killed(BaseException):
        pass

    def dies(*_: Any, **__: Any) -> Any:
        raise Killed

    def dies_after(real: Any) -> Any:
        def done(*given: Any, **named: Any) -> Any:
            real(*given, **named)
            raise Killed

        return done

    ran(asked_for(hook_app, staging))
    with monkeypatch.context() as patch:
        if moment == "made":
            patch.setattr(StatusReport.objects, "bulk_create", dies_after(StatusReport.objects.bulk_create))
        elif moment == "claimed":
            patch.setattr(reports, "_tell", dies)
        elif moment == "opened":
            patch.setattr(GitHub, "opened", dies_after(GitHub.opened))
        elif moment == "remembered":
            patch.setattr(GitHub, "tell", dies)
        else:
            patch.setattr(reports, "_tell", dies_after(reports._tell))
        with pytest.raises(Killed):
            work()
    for _ in range(3):
        later(DELAYS[0] * 1.2)
        work()
    assert states() == [("queued", "sent"), ("in_progress", "sent"), ("success", "sent")]
    assert len(forge.deployments) == 1
    assert [state for _number, state in forge.told] == ["queued", "in_progress", "success"]
    assert forge.said_of(STAGING) == ["pending", "pending", "success"]


def test_what_happened_is_read_once_even_if_it_is_read_again(connection, hook_app, staging) -> None:
    ran(asked_for(hook_app, staging))
    assert make_reports() == 3
    ForgeConnection.objects.update(read_event=0)
    make_reports()
    assert len(states()) == 3


@pytest.mark.parametrize(
    ("trick", "trouble", "waits"),
    [
        (Trick(502, "<html>"), "failed", DELAYS[0]),
        (Trick(429, '{"message": "slow down"}', {"Retry-After": "120"}), "too_many", 120),
        (Trick(403, '{"message": "You have exceeded a secondary rate limit."}'), "too_many", 60),
        (Trick(403, "{}", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "in 240 s"}), "too_many", 200),
        (Trick(0), "unreachable", DELAYS[0]),
    ],
)
def test_a_forge_that_fails_is_asked_again_later(forge, connection, hook_app, staging, trick, trouble, waits) -> None:
    if "X-RateLimit-Reset" in trick.headers:  # a time, so it cannot be written down beforehand
        trick = replace(trick, headers={**trick.headers, "X-RateLimit-Reset": str(soon() + 240)})
    forge.will(trick)
    asked_for(hook_app, staging)
    assert work() == 0
    [report] = StatusReport.objects.all()
    assert (report.state, report.trouble) == ("waiting", trouble)
    assert (report.next_at - report.tried_at).total_seconds() >= waits - 5
    assert forges_due() == []
    later(waits - 10 if waits > DELAYS[0] else 1)
    assert work() == 0
    later(400)
    assert work() == 1
    assert forge.said_of(STAGING) == ["pending"]
    connection.refresh_from_db()
    assert (connection.stopped_at, connection.rests_until) == (None, None)


def test_a_slow_forge_is_not_waited_for(forge, connection, hook_app, staging, monkeypatch) -> None:
    monkeypatch.setattr(reports, "reporter_for", lambda one: GitHub(Line(None, seconds=0.3), _place(one)))
    forge.will(Trick(200, "[]", seconds=30))
    asked_for(hook_app, staging)
    assert work() == 0
    assert StatusReport.objects.get().trouble == "timeout"


def _place(connection: ForgeConnection) -> Any:
    from fairway.drivers.forges.contract import Forge
    from fairway.drivers.forges.statuses import Place

    return Place(Forge.GITHUB, connection.api_url, connection.project, TOKEN)


@pytest.mark.parametrize(
    ("trick", "trouble"),
    [
        (Trick(401, '{"message": "Bad credentials"}'), "token_refused"),
        (
            Trick(403, '{"message": "Resource not accessible"}', {"X-Accepted-GitHub-Permissions": "statuses=write"}),
            "forbidden",
        ),
        (Trick(404, '{"message": "Not Found"}'), "not_found"),
        (Trick(410, '{"message": "Gone"}'), "gone"),
        (Trick(301, "{}", {"Location": "http://127.0.0.1:1/elsewhere"}), "redirect"),
    ],
)
def test_what_a_person_must_mend_stops_it_visibly_and_loses_nothing(
    forge, connection, hook_app, staging, trick, trouble
) -> None:
    forge.will(trick)
    deployment = asked_for(hook_app, staging)
    assert work() == 0
    connection.refresh_from_db()
    assert connection.stopped_at
    assert connection.trouble == trouble
    assert TOKEN not in trouble_sentence(connection.trouble, connection.said)
    assert Event.objects.filter(verb="forge.stopped").count() == 1
    ran(deployment)
    later(10**6)
    asked = len(forge.asked)
    assert work() == 0
    assert len(forge.asked) == asked
    edit_forge(actor=SYSTEM, connection=connection, token=TOKEN)
    assert work() == 3
    assert [state for _number, state in forge.told] == ["queued", "in_progress", "success"]


def test_what_the_forge_refuses_is_given_up_and_what_follows_is_told(forge, connection, hook_app, staging) -> None:
    deployment = asked_for(hook_app, staging)
    forge.will(Trick(422, '{"message": "No commit found for SHA"}', method="POST"))
    assert work() == 0
    assert states() == [("queued", "given_up")]
    ran(deployment)
    assert work() == 2
    assert conditions_of([connection])[connection.pk].given_up == 1


def test_it_is_given_up_after_the_last_try(forge, connection, hook_app, staging) -> None:
    forge.will(*[Trick(500)] * 6)
    asked_for(hook_app, staging)
    for _ in range(7):
        work()
        later(DELAYS[-1] * 2)
    report = StatusReport.objects.get()
    assert (report.state, report.tries) == ("given_up", 6)
    send_report_again(actor=SYSTEM, connection=connection, report=report)
    assert work() == 1
    assert forge.said_of(STAGING) == ["pending"]


def test_only_the_last_of_a_deployment_is_sent_again(forge, connection, hook_app, staging) -> None:
    ran(asked_for(hook_app, staging))
    work()
    first, *_between, last = StatusReport.objects.order_by("pk")
    with pytest.raises(Invalid, match="not the last"):
        send_report_again(actor=SYSTEM, connection=connection, report=first)
    send_report_again(actor=SYSTEM, connection=connection, report=last)
    assert work() == 1
    assert forge.said_of(STAGING)[-2:] == ["success", "success"]


def test_what_is_told_of_one_environment_is_told_in_order(forge, connection, hook_app, staging, production) -> None:
    ran(asked_for(hook_app, staging))
    make_reports()
    forge.will(Trick(422, "{}", method="NONE"), Trick(500))
    work()
    later(DELAYS[0] * 0.5)  # too early for what failed
    ForgeConnection.objects.update(rests_until=None)
    ran(asked_for(hook_app, production))
    work()
    assert forge.said_of("fairway/production") == ["pending", "pending", "success"]
    assert forge.said_of(STAGING) == []
    later(DELAYS[0])
    work()
    assert forge.said_of(STAGING) == ["pending", "pending", "success"]


def test_trying_tells_what_is_wrong_and_changes_nothing(forge, connection) -> None:
    try_forge(actor=SYSTEM, connection=connection)
    assert not forge.statuses
    assert not forge.deployments
    forge.rights.remove("deployments")
    with pytest.raises(Refused, match=r"\(403\).*Give it the right to write commit statuses and deployments"):
        try_forge(actor=SYSTEM, connection=connection)
    forge.token = "another"
    with pytest.raises(Refused, match=r"\(401\)"):
        try_forge(actor=SYSTEM, connection=connection)
    forge.token, forge.project = TOKEN, "somebody/else"
    with pytest.raises(Refused, match=r"\(404\)"):
        try_forge(actor=SYSTEM, connection=connection)
    ForgeConnection.objects.update(api_url="http://127.0.0.1:1")
    connection.refresh_from_db()
    with pytest.raises(Refused, match="cannot be reached"):
        try_forge(actor=SYSTEM, connection=connection)
    assert Event.objects.filter(verb="forge.tried").count() == 5


@pytest.mark.parametrize("kind", ["gitlab", "gitea"])
def test_the_others_can_be_tried_too(forge, hook_app, kind) -> None:
    connection = connect(forge, hook_app, kind)
    try_forge(actor=SYSTEM, connection=connection)
    assert not forge.statuses
    assert not forge.deployments
    forge.rights.clear()
    with pytest.raises(Refused, match=r"\(403\)"):
        try_forge(actor=SYSTEM, connection=connection)


def test_addresses_inside_are_not_asked(connection, hook_app, staging, settings, forge) -> None:
    settings.SOURCE_ADDRESSES = "intranet"
    ForgeConnection.objects.update(api_url=forge.address.replace("http", "https"))
    asked_for(hook_app, staging)
    assert work() == 0
    connection.refresh_from_db()
    assert connection.trouble == "not_permitted"
    assert not forge.asked


def test_the_token_is_sealed_and_goes_nowhere_else(forge, connection, hook_app) -> None:
    assert TOKEN not in connection.sealed_token
    assert TOKEN not in str(list(Event.objects.values()))
    with pytest.raises(Invalid, match="entered again"):
        edit_forge(actor=SYSTEM, connection=connection, api_url="http://127.0.0.1:9/steals")
    edit_forge(actor=SYSTEM, connection=connection, api_url="http://127.0.0.1:9/mine", token="another-token")
    connection.refresh_from_db()
    assert connection.api_url == "http://127.0.0.1:9/mine"


def test_the_address_of_the_api_follows_from_the_repository(hook_app, settings) -> None:
    connection = connect_forge(actor=SYSTEM, application=hook_app, token=TOKEN)
    assert (connection.kind, connection.api_url) == ("github", "https://api.github.com")
    assert connection.project == "Codertocat/Hello-World"
    disconnect_forge(actor=SYSTEM, connection=connection)
    connection.refresh_from_db()
    assert connection.sealed_token == ""
    Application.objects.filter(pk=hook_app.pk).update(source={"url": "https://code.acme.test/a/b.git", "ref": "main"})
    hook_app.refresh_from_db()
    with pytest.raises(Invalid, match="choose one of"):
        connect_forge(actor=SYSTEM, application=hook_app, token=TOKEN)
    again = connect_forge(actor=SYSTEM, application=hook_app, token=TOKEN, kind="gitlab")
    assert (again.api_url, again.project) == ("https://code.acme.test/api/v4", "a/b")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"token": ""}, "token"),
        ({"token": "a b"}, "token"),
        ({"kind": "bitbucket"}, "kind"),
        ({"api_url": "ftp://x"}, "api_url"),
        ({"api_url": "http://plain.test"}, "api_url"),
        ({"api_url": "https://u:p@x.test"}, "api_url"),
    ],
)
def test_bad_input_is_refused(hook_app, given, field) -> None:
    with pytest.raises(Invalid) as problem:
        connect_forge(actor=SYSTEM, application=hook_app, **{"token": TOKEN, **given})
    assert problem.value.field == field
    assert not ForgeConnection.objects.exists()


def test_paused_it_tells_nothing_and_resumed_only_what_comes(forge, connection, hook_app, staging) -> None:
    edit_forge(actor=SYSTEM, connection=connection, is_paused=True)
    ran(asked_for(hook_app, staging))
    assert work() == 0
    edit_forge(actor=SYSTEM, connection=connection, is_paused=False)
    assert work() == 0
    asked_for(hook_app, staging)
    assert work() == 1
    verbs = list(Event.objects.filter(subject_kind="forge").order_by("pk").values_list("verb", flat=True))
    assert verbs == ["forge.connected", "forge.paused", "forge.resumed"]


def test_old_reports_are_forgotten(connection, hook_app, staging) -> None:
    ran(asked_for(hook_app, staging))
    work()
    assert forget_reports() == 0
    StatusReport.objects.update(created_at=F("created_at") - timedelta(days=31))
    assert forget_reports() == 3


def test_a_report_never_shows_its_token() -> None:
    assert TOKEN not in repr(_place(ForgeConnection(api_url="x", project="y")))
    assert Report.__dataclass_fields__.keys().isdisjoint({"token", "secret"})
    assert REPOSITORY.startswith("https://")


# --- the token of a stored credential


@pytest.fixture
def stored(forge: FakeForge, hook_app: Application, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a credential whose server is played by `forge`."""
    monkeypatch.setattr(repositories, "api_url_at", lambda _forge, host: forge.address if host == "github.com" else "")
    save_credential(actor=SYSTEM, kind="https", name="bot", host="github.com", username="bot", secret=TOKEN)
    return "bot"


def test_a_connection_may_use_the_token_of_a_stored_credential_as_it_is_then(
    forge: FakeForge, hook_app: Application, staging: Environment, stored: str
) -> None:
    connection = connect(forge, hook_app, token="", credential=stored)
    assert (connection.credential, connection.sealed_token) == ("bot", "")
    assert Event.objects.get(verb="forge.connected").after["credential"] == "bot"
    try_forge(actor=SYSTEM, connection=connection)
    forge.token = "ghp_anotherTokenThatWasMadeToday"
    save_credential(actor=SYSTEM, kind="https", name="bot", host="github.com", username="bot", secret=forge.token)
    try_forge(actor=SYSTEM, connection=connection)
    assert edit_forge(actor=SYSTEM, connection=connection, is_paused=True).credential == "bot"


def test_a_credential_that_is_gone_stops_the_connection_and_says_so(
    forge: FakeForge, hook_app: Application, staging: Environment, stored: str
) -> None:
    connection = connect(forge, hook_app, token="", credential=stored)
    delete_credential(actor=SYSTEM, name=stored)
    ran(asked_for(hook_app, staging))
    work()
    connection.refresh_from_db()
    assert connection.stopped_at is not None
    assert "“bot” is gone" in trouble_sentence(connection.trouble, connection.said)
    assert forge.asked == []
    with pytest.raises(Refused, match="is gone"):
        try_forge(actor=SYSTEM, connection=connection)
    assert edit_forge(actor=SYSTEM, connection=connection, token=TOKEN).credential == ""
    work()
    assert forge.said_of(STAGING)


@pytest.mark.parametrize("name", ["nothing", "elsewhere", "narrow"])
def test_the_token_of_a_credential_goes_only_where_it_was_stored_for(
    forge: FakeForge, hook_app: Application, staging: Environment, stored: str, name: str
) -> None:
    save_credential(actor=SYSTEM, kind="https", name="elsewhere", host="gitlab.com", username="x", secret="s")
    here = [("", "staging")]
    save_credential(actor=SYSTEM, kind="https", name="narrow", host="github.com", username="x", secret="s", scopes=here)
    with pytest.raises(Invalid, match="is not stored for this server"):
        connect(forge, hook_app, token="", credential=name)
    with pytest.raises(Invalid, match="beside a stored credential"):
        connect(forge, hook_app, credential=stored)
    connection = connect(forge, hook_app, token="", credential=stored)
    with pytest.raises(Invalid, match="is not stored for this server"):
        edit_forge(actor=SYSTEM, connection=connection, api_url="https://attacker.example.com")
    assert forge.asked == []
