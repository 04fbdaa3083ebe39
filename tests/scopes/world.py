"""Two applications in two environments, with a word of its own hidden in everything that belongs to any of them.

Whoever is shown a word was shown the thing. The words of one kind are alike but for their owner: ``why-alpha-production-x``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.test import Client
from django.utils import timezone

from fairway.accounts.models import RoleGrant, SignInProvider, User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import SYSTEM, Actor
from fairway.accounts.service_accounts import create_service_account
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.rules import Door, On
from fairway.applications.commands import create_application, save_configuration
from fairway.applications.credential_commands import save_credential
from fairway.applications.models import Application, Credential, CredentialScope
from fairway.applications.secrets import seal as seal_of_fields
from fairway.catalog.models import Installed
from fairway.deployments.commands.jobs import append_job_log, run_command
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.commands.scheduled_jobs import create_job
from fairway.deployments.models import Deployment, JobRun, LogChunk, Placement, ScheduledJob
from fairway.drivers.resources.sealed_files import seal_file
from fairway.engine.commands import enqueue
from fairway.environments.models import Environment, FreezeWindow
from fairway.monitoring.models import Alert, Silence
from fairway.notifications.models import Channel, Notice
from fairway.pipelines.models import (
    CiTrust,
    ForgeConnection,
    Preview,
    Stage,
    StagePromotion,
    StatusReport,
    Trigger,
    WebhookDelivery,
)
from fairway.releases.commands.approvals import reject, seal
from fairway.releases.commands.packages import add_package
from fairway.releases.commands.releases import create_release
from fairway.releases.models import Package, PackageLog, PackageOnTarget, Release, Rollout
from fairway.resources.models import Backup, Binding, Resource
from fairway.resources.servers import backup_place
from tests.conftest import make_artifact, make_environment, make_person
from tests.scopes.model import APPLICATIONS, ENVIRONMENTS, PAIRS, WHOLE, Given
from tests.web.conftest import finish

WORD = re.compile(r"\b[a-z]+-(?:(?:alpha|beta|development|production)-)*x\b")


@dataclass
class World:
    """`words` says to whom each word belongs; a list belongs to all of its owners at once."""

    words: dict[str, object] = field(default_factory=dict)
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the roles a word is for, where not for every one
    applications: dict[str, Application] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    deployments: dict[tuple[str, str], Deployment] = field(default_factory=dict)
    jobs: dict[tuple[str, str], JobRun] = field(default_factory=dict)
    freezes: dict[tuple[str, str], FreezeWindow] = field(default_factory=dict)
    events: dict[object, Event] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    packages: dict[str, Package] = field(default_factory=dict)
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    backups: dict[tuple[str, str], Backup] = field(default_factory=dict)
    schedules: dict[tuple[str, str], ScheduledJob] = field(default_factory=dict)
    triggers: dict[tuple[str, str], Trigger] = field(default_factory=dict)
    previews: dict[tuple[str, str], Preview] = field(default_factory=dict)
    stages: dict[tuple[str, str], Stage] = field(default_factory=dict)
    ci_trusts: dict[tuple[str, str], CiTrust] = field(default_factory=dict)
    forges: dict[str, ForgeConnection] = field(default_factory=dict)
    alerts: dict[tuple[str, str], Alert] = field(default_factory=dict)
    silences: dict[tuple[str, str], Silence] = field(default_factory=dict)
    channel: Channel | None = None

    def word(self, kind: str, owner: object, roles: tuple[str, ...] = ()) -> str:
        """A word nobody else uses, for something of this owner's."""
        names = [] if owner == WHOLE else [name for name in owner if name] if isinstance(owner, tuple) else []
        word = "-".join([kind, *names, "x"])
        assert word not in self.words
        assert WORD.fullmatch(word), word
        self.words[word] = owner
        if roles:
            self.needs[word] = roles
        return word

    def found_in(self, text: str) -> set[str]:
        return {word for word in WORD.findall(text) if word in self.words}


def build() -> World:
    world = World()
    boss = make_person("boss", "admin")  # type: ignore[arg-type]
    for position, place in enumerate(ENVIRONMENTS):
        one = make_environment(place, position=position)
        one.name = world.word("place", ("", place))
        one.approvals_needed = 1
        one.save()
        world.environments[place] = one
    for name in APPLICATIONS:
        source = {"image": f"registry.test/{world.word('source', (name, ''))}:1"}
        description = world.word("about", (name, ""))
        application = create_application(
            actor=SYSTEM, name=world.word("app", (name, "")), slug=name, source_kind="image", source=source,
            description=description,
        )  # fmt: skip
        world.applications[name] = application
        version = world.word("entry", (name, ""))
        Installed.objects.create(application=application, entry="datasette", version=version, installed_by="boss")
        world.forges[name] = ForgeConnection.objects.create(
            application=application, kind="github", api_url="https://api.github.com", saved_by="boss",
            repository="https://github.com/acme/shop", project=world.word("project", (name, "")),
            sealed_token=seal_of_fields().seal("hush hush hush"),
        )  # fmt: skip
    for place in ENVIRONMENTS:
        world.resources[place] = Resource.objects.create(
            environment=world.environments[place], name=world.word("resource", ("", place)), kind="postgres", version="18.6",
            state="running", port=29000 + ENVIRONMENTS.index(place), sealed_password="", made_at=timezone.now(),
        )  # fmt: skip
    for pair in PAIRS:
        _placed(world, pair)
        _kept(world, pair)
    _released(world, boss)
    for place, one in world.environments.items():
        one.locked_by, one.lock_reason, one.locked_at = "boss", world.word("lock", ("", place)), timezone.now()
        one.save()
    zed = User.objects.create_user(username=world.word("zed", WHOLE, ("admin",)), password="correct horse battery")
    zed.email = "zed@example.com"
    zed.save()
    create_service_account(actor=SYSTEM, username=world.word("robot", WHOLE, ("admin",)))
    SignInProvider.objects.create(
        slug="company-x", name=world.word("provider", WHOLE, ("admin",)), issuer="https://login.example.com",
        client_id="fairway", scopes="openid", is_enabled=False,  # so that only those who manage it see its name
    )  # fmt: skip
    world.channel = Channel.objects.create(name=world.word("channel", WHOLE, ("admin",)), kind="webhook", saved_by="boss")
    Notice.objects.create(
        channel=world.channel, public_id="msg_1", state="delivered", tried_at=timezone.now(), tries=1,
        answer=world.word("answered", WHOLE, ("admin",)),
    )  # fmt: skip
    _told(world)
    return world


def _placed(world: World, pair: tuple[str, str]) -> None:
    """Everything that one application has in one environment."""
    application, environment = world.applications[pair[0]], world.environments[pair[1]]
    save_configuration(
        actor=SYSTEM, application=application, environment=environment, variables={"WORD": world.word("variable", pair)},
        secrets={"TOKEN": "hush hush hush"}, comment=world.word("comment", pair),
    )  # fmt: skip
    who = make_person(world.word("by", pair), "deployer")  # type: ignore[arg-type]
    RoleGrant.objects.filter(user_id=who.id).update(application=application, environment=environment)
    deployment = finish(
        request_deployment(
            actor=who, application=application, environment=environment, artifact=make_artifact(application),
            reason=world.word("why", pair),
        )
    )  # fmt: skip
    world.deployments[pair] = deployment
    lines = [[1, 1.0, "start", "out", world.word("log", pair)]]
    LogChunk.objects.create(deployment=deployment, first=1, last=1, lines=lines)
    Deployment.objects.filter(pk=deployment.pk).update(log_lines=1)
    job = world.jobs[pair] = run_command(
        actor=who, application=application, environment=environment, command=[world.word("command", pair)]
    )
    append_job_log(job_id=job.pk, lines=[(1, 1.0, "run", "out", world.word("printed", pair))])
    world.schedules[pair] = create_job(
        actor=who, application=application, environment=environment, name=world.word("nightly", pair),
        command=[world.word("again", pair)], schedule="30 2 * * *",
    )  # fmt: skip
    trigger = world.triggers[pair] = Trigger.objects.create(
        application=application, environment=environment, ref_kind="branch", pattern=world.word("branch", pair),
        public_id=f"hook-{pair[0]}-{pair[1]}", sealed_secret="", saved_by_id=who.id, saved_by=who.name,
    )  # fmt: skip
    world.previews[pair] = Preview.objects.create(
        trigger=trigger, application=application, environment=environment, number=7, is_merge=False, is_fork=True,
        title=world.word("request", pair), author=world.word("author", pair), branch="fix", commit="1" * 40,
        sentence=world.word("preview", pair), ends_at=timezone.now() + timedelta(days=7),
    )  # fmt: skip
    world.ci_trusts[pair] = CiTrust.objects.create(
        application=application, environment=environment, ci="github", issuer="https://token.actions.githubusercontent.com",
        repository_id="74", ref_kind="branch", pattern="main", repository=world.word("built", pair), saved_by_id=who.id,
        saved_by=who.name,
    )  # fmt: skip
    stage = world.stages[pair] = Stage.objects.create(
        application=application, environment=environment, after_minutes=10, saved_by_id=who.id, saved_by=who.name,
        origin=Environment.objects.exclude(pk=environment.pk).order_by("pk")[0],
    )  # fmt: skip
    StatusReport.objects.create(
        connection=world.forges[pair[0]], deployment=deployment, progress="success", state="given_up", trouble="refused",
        said={"host": "api.github.com", "status": 422, "answer": world.word("forge", pair)}, tried_at=timezone.now(),
    )  # fmt: skip
    StagePromotion.objects.create(
        stage=stage, source=deployment, outcome="blocked", sentence=world.word("refused", pair), tried_at=timezone.now()
    )
    WebhookDelivery.objects.create(
        trigger=trigger, forge="github", event="push", ref="main", outcome="ignored", body_digest="0" * 64,
        message=world.word("pushed", pair),
    )  # fmt: skip
    Placement.objects.filter(application=application, environment=environment).update(
        domains=[f"{world.word('domain', pair)}.example.com"], hold_reason=world.word("hold", pair), held_at=timezone.now(),
        drift=[world.word("drift", pair)],
    )  # fmt: skip
    soon = timezone.now() + timedelta(days=1)
    world.alerts[pair] = Alert.objects.create(
        kind="errors", subject_kind="placement", subject_id="-".join(pair), label=world.word("alerted", pair),
        application=application, environment=environment, severity="warning", sentence=world.word("wrong", pair),
        since=timezone.now(), checked_at=timezone.now(), started_at=timezone.now(), is_told=True,
    )  # fmt: skip
    world.silences[pair] = Silence.objects.create(
        environment=environment, application=application, kind="latency", reason=world.word("silenced", pair), until=soon,
        created_by="boss",
    )  # fmt: skip
    world.freezes[pair] = FreezeWindow.objects.create(
        kind="deny", name=world.word("window", pair), reason=world.word("frozen", pair), minutes=60, zone="UTC",
        starts=soon.strftime("%Y-%m-%dT%H:%M"), environments=[pair[1]], applications=[pair[0]], created_by="boss",
    )  # fmt: skip
    credential = save_credential(
        actor=SYSTEM, kind="registry", name=world.word("credential", pair, ("admin", "deployer")), host="registry.test",
        username="bot", secret="hush hush hush",
    )  # fmt: skip
    CredentialScope.objects.filter(credential=credential).update(application=application, environment=environment)


def _kept(world: World, pair: tuple[str, str]) -> None:
    """What one application has in the resource of an environment."""
    application, resource = world.applications[pair[0]], world.resources[pair[1]]
    Binding.objects.create(
        resource=resource, application=application, alias="database", database=pair[0], login=world.word("login", pair),
        sealed_password="", state="bound",
    )  # fmt: skip
    backup = world.backups[pair] = Backup.objects.create(
        resource=resource, application=application, database=pair[0], version="18.6", state="verified",
        sentence=world.word("kept", pair), requested_by="boss", taken_at=timezone.now(), verified_at=timezone.now(),
    )  # fmt: skip
    with NamedTemporaryFile() as clear:
        clear.write(world.word("dump", pair, ("admin",)).encode())
        clear.flush()
        place = backup_place(f"{backup.pk}.sealed")
        backup.size_bytes, backup.sha256 = seal_file(Path(clear.name), place, seal_of_fields(), lambda: None)
    backup.file = place.name
    backup.save()


def _released(world: World, boss: Actor) -> None:
    """One release of both applications to both environments, and one of alpha to development alone."""
    user = User.objects.get(pk=boss.id)
    both = [world.environments[place] for place in ENVIRONMENTS]
    shared = create_release(actor=boss, name="Shared", version="1", manager=user, targets=both)
    alone = create_release(
        actor=boss, name=world.word("release", ("alpha", "development")), version="1", manager=user, targets=both[:1]
    )
    world.releases = {"shared": shared, "alone": alone}
    for name in APPLICATIONS:
        application = world.applications[name]
        world.packages[name] = add_package(
            actor=boss, release=shared, name=world.word("package", (name, "")), application=application,
            artifact=make_artifact(application, version=world.word("version", (name, ""))),
        )  # fmt: skip
        for place in ENVIRONMENTS:
            _on_target(world, name, place)
    add_package(actor=boss, release=alone, name="only", application=world.applications["alpha"],
                artifact=make_artifact(world.applications["alpha"]))  # fmt: skip
    seal(actor=boss, release=shared)
    shared.refresh_from_db()
    for place in ENVIRONMENTS:
        _all_of_it(world, shared, boss, place)


def _on_target(world: World, name: str, place: str) -> None:
    package, environment = world.packages[name], world.environments[place]
    PackageOnTarget.objects.create(package=package, environment=environment, sentence=world.word("cell", (name, place)))
    run = enqueue(kind="distribute", key=f"test:{name}:{place}", payload={})
    lines = [[1.0, "out", world.word("line", (name, place))]]
    PackageLog.objects.create(package=package, environment=environment, run=run, lines=lines)


def _all_of_it(world: World, release: Release, boss: Actor, place: str) -> None:
    """What is told of the whole release on a target."""
    whole: object = [(name, place) for name in APPLICATIONS]
    say = {kind: f"{kind}-{place}-x" for kind in ("answer", "rollout", "went")}
    world.words |= dict.fromkeys(say.values(), whole)
    reject(actor=boss, release=release, environment=world.environments[place], fingerprint=release.fingerprint,
           comment=say["answer"])  # fmt: skip
    at = timezone.now() + timedelta(days=1)
    world.rollouts[place] = Rollout.objects.create(
        release=release, environment=world.environments[place], status="scheduled", asked_as="release.roll_out", door="web",
        requested_by="boss", requested_by_id=boss.id, reason=say["rollout"], sentence=say["went"],
        planned_at=at, wall_time=at.strftime("%Y-%m-%dT%H:%M"), zone="UTC",
    )  # fmt: skip


def _told(world: World) -> None:
    """An event of each kind of owner."""
    owners: list[object] = [*PAIRS, *((name, "") for name in APPLICATIONS), *(("", place) for place in ENVIRONMENTS), WHOLE]
    for owner in owners:
        application, environment = owner if isinstance(owner, tuple) else ("", "")
        # What happened to an application as such is told to those who have it everywhere; likewise of an environment.
        word = f"told-{'-'.join(filter(None, (application, environment)))}-x".replace("--", "-")
        world.words[word] = _everywhere(owner)
        on = On("upload", 1, "something", application, environment)
        world.events[owner if owner != WHOLE else WHOLE] = record(who=SYSTEM.who, verb="upload.stored", on=on, comment=word)


def _everywhere(owner: object) -> object:
    if owner == WHOLE or not isinstance(owner, tuple):
        return WHOLE
    application, environment = owner
    if application and environment:
        return owner
    return ("only", owner)


def person_with(grants: list[Given], world: World, name: str) -> tuple[Actor, Client]:
    """Somebody with these grants, and their browser."""
    user = User.objects.create_user(username=name, password="correct horse battery")
    for role, application, environment in grants:
        RoleGrant.objects.create(
            user=user,
            role=role,
            application=world.applications[application] if application else None,
            environment=world.environments[environment] if environment else None,
        )
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return actor_for(user, door=Door.WEB), client


__all__ = ["WORD", "Credential", "World", "build", "person_with"]
