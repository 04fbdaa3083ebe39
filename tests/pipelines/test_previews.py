"""A preview follows its request: deployed with each push, removed with all it stored when it closes or its end comes."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from fairway.accounts.models import RoleGrant
from fairway.accounts.queries import active_actors
from fairway.accounts.rules import SYSTEM, Act, Blocked, NotVisible, Role, may
from fairway.activity.models import Event
from fairway.applications.commands import create_application, save_configuration
from fairway.applications.models import Application, Credential, CredentialScope
from fairway.applications.queries import (
    get_application,
    latest_configuration,
    registry_credential_for,
    usable_in,
    visible_to,
)
from fairway.applications.secrets import open_secrets
from fairway.deployments import queries
from fairway.deployments.commands import progress
from fairway.deployments.commands.placements import delete_application
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import Deployment, Placement
from fairway.deployments.rules import Status, Wanted
from fairway.deployments.subjects import placement_of
from fairway.drivers.runtimes.contract import ArtifactKind
from fairway.engine.models import Run
from fairway.environments.commands import lock_environment, unlock_environment
from fairway.environments.freeze_commands import create_freeze
from fairway.environments.models import Environment
from fairway.pipelines.commands.previews import TRIED_AGAIN, advance_previews, approve_preview, keep_preview, remove_preview
from fairway.pipelines.commands.triggers import delete_trigger, edit_trigger
from fairway.pipelines.models import Preview
from fairway.shared.names import Invalid
from fairway.workflows.outside import builder_for
from tests.conftest import make_artifact, make_person
from tests.pipelines.conftest import Sender, commit_of, sender_for
from tests.pipelines.requests import FORK, merge, pull, tell, the_preview, work
from tests.web.conftest import finish, live


@pytest.fixture
def requests(hook_app: Application, staging: Environment) -> Sender:
    return sender_for(hook_app, staging, ref_kind="request")


def make_application(slug: str) -> Application:
    image = {"image": "registry.test/hello:1"}
    return create_application(actor=SYSTEM, name=slug, slug=slug, source_kind="image", source=image)


def go_live(preview: Preview) -> Deployment:
    """What a worker does with the deployment of a preview."""
    assert preview.deployment is not None
    preview.deployment.artifact = make_artifact(preview.deployment.application)
    preview.deployment.save()
    return finish(preview.deployment)


def remove_what_is_there(copy: Application) -> None:
    """What the run that removes an application does at its end."""
    for placement in Placement.objects.filter(application=copy).select_related("application", "environment"):
        assert placement.wanted == Wanted.REMOVED
        assert Run.objects.filter(kind="adjust", key=placement.key, payload__volumes=True).exists(), "its volumes go, too"
        progress.removed(placement=placement)
    Run.objects.filter(key__startswith=f"{copy.slug}:").delete()


def verbs() -> list[str]:
    return list(Event.objects.filter(verb__startswith="preview.").order_by("pk").values_list("verb", flat=True))


def test_an_opened_request_is_deployed_at_an_address_of_its_own(requests: Sender) -> None:
    answer = tell(requests, pull(12, commit=7))
    assert (answer.status_code, answer.json()["status"]) == (202, "previewed")
    preview = the_preview()
    assert (preview.state, preview.commit, preview.sign) == ("open", commit_of(7), "#12")
    assert preview.deployment.source["ref"] == commit_of(7)
    assert (preview.deployment.door, preview.deployment.requested_by) == ("webhook", "Fairway")
    assert preview.deployment.reason == "Preview of #12 by grace: Fix the header"
    placement = placement_of(preview.copy, preview.environment)
    assert placement is not None
    assert placement.host == f"pr-12--hello.{preview.environment.host}"
    assert verbs() == ["preview.opened"]
    assert work(requests) == 0, "nothing more is to be done"


def test_it_is_in_no_list_of_applications_and_can_be_opened(requests: Sender, hook_app: Application) -> None:
    tell(requests, pull())
    assert list(visible_to(SYSTEM)) == [hook_app]
    assert get_application(SYSTEM, "pr-12--hello").preview_of == hook_app


def test_whoever_may_see_the_application_there_may_see_its_preview_and_nobody_else(
    requests: Sender, staging: Environment, production: Environment
) -> None:
    tell(requests, pull())
    near, far, other = (make_person(name) for name in ("near", "far", "other"))
    hello, elsewhere = requests.trigger.application, make_application("lo")
    for person, where, what in ((near, staging, hello), (far, production, hello), (other, staging, elsewhere)):
        RoleGrant.objects.create(user_id=person.id, role=Role.DEPLOYER, environment=where, application=what)
    found = {one.name: one for one in active_actors([near.id, far.id, other.id])}
    assert get_application(found["near"], "pr-12--hello")
    assert may(found["near"], Act.DEPLOY, application="pr-12--hello", environment="staging")
    assert [queries.visible_to(found[name]).count() for name in ("near", "far", "other")] == [1, 0, 0]
    assert not may(found["far"], Act.DEPLOY, application="pr-12--hello", environment="staging")
    with pytest.raises(NotVisible):
        get_application(found["other"], "pr-12--hello")


def test_of_several_pushes_the_newest_wins(requests: Sender) -> None:
    tell(requests, pull(commit=1))
    first = the_preview().deployment
    tell(requests, pull(action="synchronize", commit=2))
    preview = the_preview()
    first.refresh_from_db()
    assert first.status == Status.CANCELLED
    assert preview.deployment.source["ref"] == commit_of(2)
    assert preview.deployment.application == first.application
    assert verbs() == ["preview.opened"]


def test_a_force_push_to_an_older_commit_is_deployed(requests: Sender) -> None:
    for commit in (1, 2, 1):
        tell(requests, pull(action="synchronize", commit=commit))
    assert [one.source["ref"] for one in Deployment.objects.order_by("pk")] == [commit_of(1), commit_of(2), commit_of(1)]


def test_the_same_branch_in_two_requests_has_two_previews(requests: Sender) -> None:
    tell(requests, pull(12))
    tell(requests, pull(13))
    assert {the_preview(12).copy.slug, the_preview(13).copy.slug} == {"pr-12--hello", "pr-13--hello"}


def test_a_closed_one_is_removed_completely(requests: Sender) -> None:
    tell(requests, pull())
    go_live(the_preview())
    copy = the_preview().copy
    tell(requests, pull(action="closed"))
    assert the_preview().state == "ending"
    copy.refresh_from_db()
    assert copy.deleted_at is not None
    assert work(requests) == 0, "it waits until nothing is left"
    remove_what_is_there(copy)
    work(requests)
    preview = the_preview()
    assert (preview.state, preview.end, preview.copy) == ("ended", "closed", None)
    assert preview.ended_at is not None
    assert verbs() == ["preview.opened", "preview.ended", "preview.removed"]


def test_one_that_closes_while_it_is_deployed_is_cancelled_first(requests: Sender) -> None:
    tell(requests, pull())
    running = the_preview().deployment
    running.move_to(Status.RUNNING)
    now = timezone.now()
    held = {"owner": "somebody", "lease_until": now + timedelta(hours=1), "holds_key": True, "fence": 1}
    Run.objects.filter(pk=running.run_id).update(status="running", started_at=now, **held)
    tell(requests, pull(action="closed"))
    running.refresh_from_db()
    assert running.status == Status.CANCELLING
    copy = the_preview().copy
    assert copy.deleted_at is None, "not before it has ended"
    progress.ended(running, Status.CANCELLED, "", "")
    Run.objects.filter(pk=running.run_id).update(finished_at=now, status="cancelled", owner="", holds_key=False)
    work(requests)
    copy.refresh_from_db()
    assert copy.deleted_at is not None


def test_one_that_closed_before_anything_was_deployed_leaves_nothing(requests: Sender) -> None:
    requests.send(pull(), "pull_request")
    requests.send(pull(action="closed"), "pull_request")
    work(requests)
    assert the_preview().state == "ended"
    assert not Deployment.objects.exists()
    assert Application.objects.count() == 1


def test_a_reopened_one_is_deployed_anew_after_the_last_one_is_gone(requests: Sender) -> None:
    tell(requests, pull())
    go_live(the_preview())
    copy = the_preview().copy
    tell(requests, pull(action="closed"))
    tell(requests, pull(action="reopened"))
    assert (the_preview().state, the_preview().copy) == ("open", copy)
    assert Deployment.objects.count() == 1
    remove_what_is_there(copy)
    work(requests)
    again = the_preview()
    assert again.copy not in (None, copy)
    assert again.copy.slug == copy.slug
    assert Deployment.objects.count() == 2


def test_what_comes_out_of_order_or_twice_changes_nothing(requests: Sender) -> None:
    opened, pushed, closed = pull(commit=1), pull(action="synchronize", commit=2), pull(action="closed", commit=2)
    tell(requests, pushed)
    tell(requests, opened)
    assert the_preview().commit == commit_of(2)
    tell(requests, closed, delivery="once")
    assert tell(requests, closed, delivery="once").status_code == 409
    late = pull(action="synchronize", commit=3, at=closed["pull_request"]["updated_at"])
    assert "Something newer" in tell(requests, late).json()["detail"]
    assert the_preview().end == "closed"


def test_closed_before_it_was_opened_is_nothing(requests: Sender) -> None:
    answer = tell(requests, pull(action="closed"))
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert not Preview.objects.exists()


@pytest.mark.parametrize("number", [0, -3, 10**12, "12", 1.5, True, None, [12]])
def test_a_number_that_is_none_is_refused(requests: Sender, number: Any) -> None:
    answer = tell(requests, pull(number))
    assert (answer.status_code, requests.last().code) == (422, "bad_number")
    assert not Preview.objects.exists()


@pytest.mark.parametrize(
    "more", [{"head": {}}, {"head": None}, {"base": {"ref": "a..b"}}, {"head": {"ref": "-x", "sha": commit_of(1)}}]
)
def test_what_cannot_be_read_is_refused(requests: Sender, more: dict[str, Any]) -> None:
    payload = pull()
    payload["pull_request"] |= more
    assert tell(requests, payload).status_code == 422


def test_requests_into_other_branches_have_no_preview(requests: Sender) -> None:
    assert tell(requests, pull(into="docs")).json()["status"] == "ignored"
    tell(requests, pull(13))
    tell(requests, pull(13, "edited", into="docs"))
    assert (the_preview(13).end, Preview.objects.count()) == ("retargeted", 1)
    tell(requests, pull(13, "edited", into="main"))
    assert the_preview(13).state == "open"


def test_labels_and_pushes_are_no_matter_of_previews(requests: Sender) -> None:
    assert tell(requests, pull(action="labeled")).json()["status"] == "ignored"
    assert requests.send({"ref": "refs/heads/main"}, "push").json()["status"] == "ignored"
    assert not Preview.objects.exists()


def test_a_merge_request_of_gitlab(requests: Sender) -> None:
    headers = {
        "X-GitHub-Event": None,
        "X-GitHub-Delivery": None,
        "X-Hub-Signature-256": None,
        "X-Gitlab-Token": requests.secret,
    }
    sent = {**headers, "X-Gitlab-Event": "Merge Request Hook"}
    assert requests.send(merge(), "", **sent).status_code == 202
    work(requests)
    assert (the_preview(5).copy.slug, the_preview(5).sign) == ("mr-5--hello", "!5")
    requests.send(merge(action="update", commit=2), "", **sent)
    requests.send(merge(action="merge", commit=2, state="merged"), "", **sent)
    work(requests)
    assert the_preview(5).end == "closed"
    requests.send(merge(6, project=2), "", **sent)
    assert the_preview(6).is_fork


def test_a_pull_request_of_gitea(requests: Sender) -> None:
    headers = {"X-Gitea-Event": "pull_request", "X-Gitea-Event-Type": "pull_request_sync", "X-GitHub-Event": "pull_request"}
    assert requests.send(pull(action="synchronized"), "pull_request", **headers).status_code == 202
    assert requests.last().forge == "gitea"


# Forks


def test_a_fork_waits_for_a_person_and_every_push_to_it_again(requests: Sender, deployer: Any, viewer: Any) -> None:
    tell(requests, pull(repository=FORK, commit=1))
    preview = the_preview()
    assert (preview.state, preview.deployment, preview.copy) == ("waiting", None, None)
    with pytest.raises(Blocked):
        approve_preview(actor=viewer, preview=preview, commit=commit_of(1))
    with pytest.raises(Invalid, match="newest"):
        approve_preview(actor=deployer, preview=preview, commit=commit_of(2))
    approve_preview(actor=deployer, preview=preview, commit=commit_of(1))
    work(requests)
    assert the_preview().deployment.source["ref"] == commit_of(1)
    tell(requests, pull(action="synchronize", repository=FORK, commit=2))
    preview = the_preview()
    assert preview.waits_for_approval
    assert preview.deployment.source["ref"] == commit_of(1), "what was approved stays"
    approve_preview(actor=deployer, preview=preview, commit=commit_of(2))
    work(requests)
    assert the_preview().deployment.source["ref"] == commit_of(2)
    assert verbs() == ["preview.opened", "preview.approved", "preview.approved"]


@pytest.mark.parametrize("head", [None, {}, {"id": None}, {"id": "186853002"}, {"id": True}])
def test_one_whose_origin_is_not_told_is_a_forks(requests: Sender, head: Any) -> None:
    payload = pull()
    payload["pull_request"]["head"]["repo"] = head
    tell(requests, payload)
    assert the_preview().is_fork


def test_one_that_was_a_forks_stays_one(requests: Sender) -> None:
    tell(requests, pull(repository=FORK))
    tell(requests, pull(action="synchronize", commit=2))
    assert the_preview().is_fork
    assert not Deployment.objects.exists()


def test_a_preview_inherits_the_configuration_and_a_forks_never_gets_a_secret(
    requests: Sender, hook_app: Application, staging: Environment, deployer: Any
) -> None:
    values = {"GREETING": "hello", "API_TOKEN": "typed as a variable"}
    save_configuration(
        actor=SYSTEM, application=hook_app, environment=staging, variables=values, secrets={"PASSWORD": "hunter2"}
    )
    tell(requests, pull(12))
    ours = latest_configuration(the_preview(12).copy, staging)
    assert (ours.variables, open_secrets(ours)) == (values, {"PASSWORD": "hunter2"})
    tell(requests, pull(13, repository=FORK))
    approve_preview(actor=deployer, preview=the_preview(13), commit=commit_of(1))
    work(requests)
    fork = the_preview(13).copy
    theirs = latest_configuration(fork, staging)
    assert (theirs.variables, open_secrets(theirs)) == ({"GREETING": "hello"}, {})
    with pytest.raises(Invalid, match="fork"):
        save_configuration(actor=SYSTEM, application=fork, environment=staging, secrets={"PASSWORD": "x"})
    assert registry_credential_for(fork, "registry.example.com/base:1", staging) is None


def test_a_person_may_change_the_configuration_of_a_preview(requests: Sender, hook_app: Any, staging: Environment) -> None:
    save_configuration(actor=SYSTEM, application=hook_app, environment=staging, variables={"A": "1"})
    tell(requests, pull())
    copy = the_preview().copy
    save_configuration(actor=SYSTEM, application=hook_app, environment=staging, variables={"A": "2"})
    tell(requests, pull(action="synchronize", commit=2))
    assert latest_configuration(copy, staging).variables == {"A": "2"}
    save_configuration(actor=SYSTEM, application=copy, environment=staging, variables={"A": "mine"})
    tell(requests, pull(action="synchronize", commit=3))
    assert latest_configuration(copy, staging).variables == {"A": "mine"}


# Ends


def test_it_ends_when_nobody_pushed_for_a_week_and_comes_back_with_a_push(requests: Sender) -> None:
    tell(requests, pull())
    Preview.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    advance_previews()
    assert the_preview().end == "age"
    remove_what_is_there(the_preview().copy)
    advance_previews()
    assert the_preview().state == "ended"
    tell(requests, pull(action="edited"))
    assert the_preview().state == "ended", "another title brings nothing back"
    tell(requests, pull(action="synchronize", commit=2))
    assert the_preview().state == "open"
    assert the_preview().ends_at > timezone.now() + timedelta(days=6)


def test_somebody_keeps_it_longer(requests: Sender, deployer: Any, viewer: Any) -> None:
    tell(requests, pull())
    Preview.objects.update(ends_at=timezone.now() + timedelta(hours=1))
    with pytest.raises(Blocked):
        keep_preview(actor=viewer, preview=the_preview())
    keep_preview(actor=deployer, preview=the_preview())
    assert the_preview().ends_at > timezone.now() + timedelta(days=6)


def test_somebody_removes_it(requests: Sender, deployer: Any, viewer: Any) -> None:
    tell(requests, pull())
    with pytest.raises(Blocked):
        remove_preview(actor=viewer, preview=the_preview())
    remove_preview(actor=deployer, preview=the_preview())
    work(requests)
    preview = the_preview()
    assert (preview.state, preview.end, preview.ended_by) == ("ending", "person", deployer.name)
    with pytest.raises(Invalid, match="ended"):
        keep_preview(actor=deployer, preview=preview)


def test_one_whose_application_somebody_deleted_has_ended(requests: Sender, deployer: Any) -> None:
    tell(requests, pull())
    go_live(the_preview())
    copy = the_preview().copy
    delete_application(actor=deployer, application=copy, confirmed=copy.slug, volumes=True)
    work(requests)
    assert (the_preview().end, the_preview().ended_by) == ("person", deployer.name)
    remove_what_is_there(copy)
    work(requests)
    assert the_preview().state == "ended"
    tell(requests, pull(action="synchronize", commit=2))
    assert the_preview().copy.slug == copy.slug


def test_too_many_end_the_one_nothing_happened_to_for_longest(requests: Sender, settings: Any) -> None:
    settings.PREVIEWS = 2
    for number in (1, 2):
        tell(requests, pull(number))
    tell(requests, pull(1, "synchronize", commit=2))
    tell(requests, pull(3, repository=FORK))
    assert the_preview(2).state == "open", "a fork that nobody approved takes no room"
    tell(requests, pull(4))
    work(requests)
    assert [(one.number, one.state, one.end) for one in Preview.objects.order_by("number")] == [
        (1, "open", ""), (2, "ending", "limit"), (3, "waiting", ""), (4, "open", ""),
    ]  # fmt: skip
    assert the_preview(4).deployment is not None


@pytest.mark.parametrize("what", ["trigger", "application", "kind"])
def test_they_end_with_what_they_belong_to(requests: Sender, hook_app: Application, what: str) -> None:
    tell(requests, pull())
    if what == "trigger":
        delete_trigger(actor=SYSTEM, trigger=requests.trigger)
    elif what == "application":
        delete_application(actor=SYSTEM, application=hook_app, confirmed="hello")
    else:
        edit_trigger(actor=SYSTEM, trigger=requests.trigger, ref_kind="branch")
    advance_previews()
    assert the_preview().end == "stopped"
    assert the_preview().copy.deleted_at is not None


def test_a_paused_trigger_opens_none_and_closes_those_there_are(requests: Sender) -> None:
    tell(requests, pull(12))
    edit_trigger(actor=SYSTEM, trigger=requests.trigger, is_paused=True)
    assert tell(requests, pull(13)).json()["status"] == "ignored"
    tell(requests, pull(12, "synchronize", commit=2))
    assert the_preview(12).deployment.source["ref"] == commit_of(1)
    tell(requests, pull(12, "closed"))
    assert the_preview(12).end == "closed"


def test_without_rights_it_says_why(hook_app: Application, staging: Environment, deployer: Any) -> None:
    sender = sender_for(hook_app, staging, deployer, ref_kind="request")
    RoleGrant.objects.filter(user_id=deployer.id).delete()
    tell(sender, pull())
    preview = the_preview()
    assert preview.deployment is None
    assert "may no longer deploy here" in preview.sentence
    assert verbs() == ["preview.opened", "preview.blocked"]


def test_a_freeze_of_the_application_holds_its_previews(requests: Sender, staging: Environment, admin: Any) -> None:
    today = timezone.now() - timedelta(days=1)
    create_freeze(
        actor=admin, kind="deny", name="Counting", reason="Counting", starts=f"{today:%Y-%m-%d}T00:00", ends="48h",
        zone="UTC", environments=["staging"], applications=["hello"],
    )  # fmt: skip
    found = blockers(Act.DEPLOY, Subject(requests.trigger.application, staging), SYSTEM)
    of_preview = Application(slug="pr-12--hello", name="Hello #12", preview_of=requests.trigger.application)
    theirs = blockers(Act.DEPLOY, Subject(of_preview, staging), SYSTEM)
    assert [one.code for one in theirs] == [one.code for one in found]
    assert "frozen" in {one.code for one in theirs}


def test_a_credential_of_the_application_is_its_previews_too(hook_app: Application, staging: Environment) -> None:
    one = Credential.objects.create(kind="https", name="git", host="github.com", sealed_secret="")
    CredentialScope.objects.create(credential=one, application=hook_app, environment=staging)
    assert list(usable_in("pr-12--hello", "staging")) == [one]
    assert list(usable_in("pr-12--other", "staging")) == []


def test_a_forks_build_gets_no_build_arguments(settings: Any) -> None:
    """Its own Dockerfile could print them."""
    options = {"build_args": {"INDEX_PASSWORD": "hunter2"}}
    environment = Environment(slug="built", name="Built", runtime="docker", options=options)
    runtime = SimpleNamespace(artifact_kinds={ArtifactKind.IMAGE})
    ours: Any = builder_for(environment, runtime)  # type: ignore[arg-type]
    theirs: Any = builder_for(environment, runtime, gets_secrets=False)  # type: ignore[arg-type]
    assert ours._options.build_args == {"INDEX_PASSWORD": "hunter2"}
    assert not theirs._options.build_args


def test_what_is_blocked_is_tried_again_and_told_once(
    requests: Sender, hook_app: Application, staging: Environment, admin: Any
) -> None:
    lock_environment(actor=admin, environment=staging, reason="Counting")
    tell(requests, pull())
    assert (the_preview().deployment, "Counting" in the_preview().sentence) == (None, True)
    assert the_preview().copy is None, "half a preview is none"
    assert work(requests) == 0
    for _ in range(2):
        Preview.objects.update(tried_at=timezone.now() - TRIED_AGAIN)
        work(requests)
    assert verbs() == ["preview.opened", "preview.blocked"]
    unlock_environment(actor=admin, environment=staging)
    Preview.objects.update(tried_at=timezone.now() - TRIED_AGAIN)
    work(requests)
    assert the_preview().deployment is not None
    assert the_preview().sentence == ""


def test_it_is_deployed_with_the_rights_of_whoever_set_it_up(hook_app: Any, staging: Environment, deployer: Any) -> None:
    tell(sender_for(hook_app, staging, deployer, ref_kind="request"), pull())
    made = the_preview().deployment
    assert (made.requested_by, made.door) == (deployer.name, "webhook")
    told = Event.objects.get(verb="deployment.requested")
    assert (told.application, told.identified_by) == ("pr-12--hello", "deploy on push")


def test_who_may_open_it_is_as_for_the_application_itself(requests: Sender, hook_app: Any, staging: Environment) -> None:
    live(hook_app, staging)
    Placement.objects.update(access="signed_in")
    tell(requests, pull())
    assert placement_of(the_preview().copy, staging).access == "signed_in"


def test_nobody_can_give_an_application_the_name_of_a_preview(db: None) -> None:
    with pytest.raises(Invalid):
        make_application("pr-1--hello")
