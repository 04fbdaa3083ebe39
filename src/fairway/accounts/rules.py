"""Who may do what. Pure: one table (`ROLES_FOR`) and one function (`may`), used by pages, API and commands alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from fairway.activity.rules import Door, Who
from fairway.shared.names import application_of
from fairway.shared.sentences import joined
from fairway.shared.translation import translate


class Role(StrEnum):
    ADMIN = "admin"
    RELEASE_MANAGER = "release_manager"
    DEPLOYER = "deployer"
    VIEWER = "viewer"


class Act(StrEnum):
    """Everything a person can ask for."""

    VIEW = "view"
    CREATE_APPLICATION = "application.create"
    EDIT_APPLICATION = "application.edit"
    DELETE_APPLICATION = "application.delete"
    CONFIGURE = "configuration.change"
    DEPLOY = "deployment.deploy"
    PROMOTE = "deployment.promote"
    ROLL_BACK = "deployment.roll_back"
    CANCEL = "deployment.cancel"
    APPROVE = "deployment.approve"
    RESTART = "placement.restart"
    STOP = "placement.stop"
    START = "placement.start"
    SCALE = "placement.scale"
    RUN_COMMAND = "placement.run_command"  # a program of one's own, with the application's secrets and data
    REMOVE = "placement.remove"
    ROUTE = "placement.route"  # domains and who may open it
    RELEASE_HOLD = "placement.release_hold"
    MARK_BAD = "artifact.mark_bad"
    CREATE_ENVIRONMENT = "environment.create"
    EDIT_ENVIRONMENT = "environment.edit"
    DELETE_ENVIRONMENT = "environment.delete"
    LOCK_ENVIRONMENT = "environment.lock"
    FREEZE_ENVIRONMENT = "environment.freeze"
    BREAK_GLASS = "environment.break_glass"
    HANDLE_ALERTS = "alert.handle"  # acknowledging and silencing them
    CREATE_RESOURCE = "resource.create"  # also starting and stopping it
    TRY_RESOURCE = "resource.try"  # connecting to it, which changes nothing
    DELETE_RESOURCE = "resource.delete"
    BIND_RESOURCE = "resource.bind"
    BACK_UP_RESOURCE = "resource.back_up"
    RESTORE_RESOURCE = "resource.restore"
    DOWNLOAD_BACKUP = "backup.download"  # the data itself leaves Fairway
    CREATE_RELEASE = "release.create"
    EDIT_RELEASE = "release.edit"
    DELETE_RELEASE = "release.delete"
    SEAL_RELEASE = "release.seal"
    APPROVE_RELEASE = "release.approve"
    CANCEL_RELEASE = "release.cancel"
    SCHEDULE_RELEASE = "release.schedule"
    ROLL_OUT = "release.roll_out"
    FALL_BACK_RELEASE = "release.fall_back"
    ADD_PACKAGE = "package.add"
    EDIT_PACKAGE = "package.edit"
    DELETE_PACKAGE = "package.delete"
    DEPEND = "package.depend"
    DISTRIBUTE = "package.distribute"
    DEPLOY_PACKAGE = "package.deploy"
    FALL_BACK = "package.fall_back"
    MANAGE_CREDENTIALS = "credential.manage"
    MANAGE_PEOPLE = "people.manage"
    MANAGE_SYSTEM = "system.manage"
    OWN_ACCOUNT = "account.own"  # seeing one's own account, making and revoking tokens, ending sessions
    CHANGE_ACCOUNT = "account.change"  # one's own profile, password, feed, acting role; never by a token


_ALL = frozenset(Role)
_SHIPPING = frozenset({Role.ADMIN, Role.DEPLOYER})
_PLANNING = frozenset({Role.ADMIN, Role.RELEASE_MANAGER})
_ADMIN = frozenset({Role.ADMIN})

ROLES_FOR: dict[Act, frozenset[Role]] = {
    Act.VIEW: _ALL,
    Act.OWN_ACCOUNT: _ALL,
    Act.CHANGE_ACCOUNT: _ALL,
    Act.CREATE_APPLICATION: _SHIPPING,
    Act.EDIT_APPLICATION: _SHIPPING,
    Act.DELETE_APPLICATION: _SHIPPING,
    Act.CONFIGURE: _SHIPPING,
    Act.DEPLOY: _SHIPPING,
    Act.PROMOTE: _SHIPPING,
    Act.ROLL_BACK: _SHIPPING,
    Act.CANCEL: _SHIPPING,
    Act.APPROVE: _ALL,  # who may approve in an environment is that environment's rule (`environments.protection`)
    Act.RESTART: _SHIPPING,
    Act.STOP: _SHIPPING,
    Act.START: _SHIPPING,
    Act.SCALE: _SHIPPING,
    Act.RUN_COMMAND: _SHIPPING,
    Act.REMOVE: _SHIPPING,
    Act.ROUTE: _SHIPPING,
    Act.RELEASE_HOLD: _SHIPPING,
    Act.MARK_BAD: _SHIPPING | _PLANNING,
    Act.CREATE_ENVIRONMENT: _ADMIN,
    Act.EDIT_ENVIRONMENT: _ADMIN,
    Act.DELETE_ENVIRONMENT: _ADMIN,
    Act.LOCK_ENVIRONMENT: _PLANNING,
    Act.FREEZE_ENVIRONMENT: _PLANNING,
    Act.BREAK_GLASS: _ADMIN,
    Act.HANDLE_ALERTS: _SHIPPING | _PLANNING,
    Act.CREATE_RESOURCE: _SHIPPING,
    Act.TRY_RESOURCE: _ALL,
    Act.DELETE_RESOURCE: _SHIPPING,
    Act.BIND_RESOURCE: _SHIPPING,
    Act.BACK_UP_RESOURCE: _SHIPPING,
    Act.RESTORE_RESOURCE: _SHIPPING,
    Act.DOWNLOAD_BACKUP: _ADMIN,
    Act.CREATE_RELEASE: _PLANNING,
    Act.EDIT_RELEASE: _PLANNING,
    Act.DELETE_RELEASE: _PLANNING,
    Act.SEAL_RELEASE: _PLANNING,
    Act.APPROVE_RELEASE: _PLANNING,
    Act.CANCEL_RELEASE: _PLANNING,
    Act.SCHEDULE_RELEASE: _PLANNING,
    Act.ROLL_OUT: _SHIPPING,
    Act.FALL_BACK_RELEASE: _SHIPPING,
    Act.ADD_PACKAGE: _SHIPPING,
    Act.EDIT_PACKAGE: _SHIPPING,
    Act.DELETE_PACKAGE: _SHIPPING,
    Act.DEPEND: _SHIPPING,
    Act.DISTRIBUTE: _SHIPPING,
    Act.DEPLOY_PACKAGE: _SHIPPING,
    Act.FALL_BACK: _SHIPPING,
    Act.MANAGE_CREDENTIALS: _SHIPPING,
    Act.MANAGE_PEOPLE: _ADMIN,
    Act.MANAGE_SYSTEM: _ADMIN,
}
_ABOUT_ONESELF = frozenset({Act.OWN_ACCOUNT, Act.CHANGE_ACCOUNT})
_NEVER_BY_TOKEN = frozenset({Act.CHANGE_ACCOUNT})
# What a person must decide. Otherwise whoever can make a service account could approve their own deployments with it.
ONLY_BY_PEOPLE = frozenset({Act.APPROVE, Act.APPROVE_RELEASE, Act.BREAK_GLASS, Act.CHANGE_ACCOUNT})


# Acts on the whole installation: only grants that are not narrowed allow them, both to read and to write.
OF_THE_WHOLE = frozenset(
    {Act.MANAGE_PEOPLE, Act.MANAGE_SYSTEM, Act.CREATE_ENVIRONMENT, Act.CREATE_APPLICATION, Act.CREATE_RELEASE}
)


@dataclass(frozen=True)
class Grant:
    """A role, everywhere or narrowed to one environment and/or one application (slugs; "" means all)."""

    role: Role
    environment: str = ""
    application: str = ""


def limited(grants: Iterable[Grant], application: str, environment: str) -> tuple[Grant, ...]:
    """The part of these grants that concerns this application and this environment (slugs; "" for any)."""
    return tuple(
        dict.fromkeys(
            replace(grant, application=application or grant.application, environment=environment or grant.environment)
            for grant in grants
            if _overlap(grant.application, application) and _overlap(grant.environment, environment)
        )
    )


def _overlap(one: str, other: str) -> bool:
    return "" in (one, other) or one == other


@dataclass(frozen=True)
class Reach:
    """What grants cover, as the pairs in which they were given: (application, environment), slugs, "" for all. What covers
    an application covers its previews.

    Halves of different pairs are never combined: *alpha in development* and *beta in production* do not make *alpha in
    production*.
    """

    pairs: frozenset[tuple[str, str]]

    @property
    def is_everything(self) -> bool:
        return ("", "") in self.pairs

    def covers(self, application: str, environment: str) -> bool:
        """Whether one pair covers both; "" means nothing in particular, which a narrowed pair does not cover."""
        return any(_of(one, application) and other in ("", environment) for one, other in self.pairs)

    def meets_application(self, application: str) -> bool:
        """Whether anything of this application is covered; then its name, source and versions may be seen."""
        return any(_of(one, application) for one, _ in self.pairs)

    def meets_environment(self, environment: str) -> bool:
        """Whether anything in this environment is covered; then its name and state may be seen."""
        return any(other in ("", environment) for _, other in self.pairs)

    def of_application(self, application: str) -> Reach:
        """The part that concerns this application: pairs of every application with the environments covered for it."""
        return Reach(frozenset(("", other) for one, other in self.pairs if _of(one, application)))

    def in_environment(self, environment: str) -> Reach:
        """The part that concerns this environment: pairs of its covered applications with every environment."""
        return Reach(frozenset((one, "") for one, other in self.pairs if other in ("", environment)))

    def holds(self, other: Reach) -> bool:
        """Whether each pair of `other` is covered by one pair of this reach."""
        return all(self.covers(application, environment) for application, environment in other.pairs)

    def meets(self, other: Reach) -> bool:
        """Whether both cover something in common."""
        return any(
            ("" in (app, other_app) or app == other_app) and ("" in (env, other_env) or env == other_env)
            for app, env in self.pairs
            for other_app, other_env in other.pairs
        )


def _of(granted: str, application: str) -> bool:
    """Whether a grant for `granted` ("" for all) is about this application."""
    return granted in ("", application, application_of(application))


@dataclass(frozen=True)
class Authentication:
    """How an actor was authenticated: the generation of their account at that time, and their session or token.

    What they create depends on it: nothing made with a token lasts longer than `until`, and nothing made in an earlier
    generation is accepted.
    """

    generation: int = 0
    session: str = field(default="", repr=False)  # the session's key
    token: int | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Actor:
    """A person, a service account, or Fairway itself, who does something through an interface (`door`). `acting_as` can only
    narrow.

    `name` is the user name: an administrator gives it, no two people have the same, and it never changes. A person's display
    name is shown beside it and identifies nobody.
    """

    id: int | None
    name: str
    grants: tuple[Grant, ...] = ()
    acting_as: Role | None = None
    door: Door = Door.WEB
    identified_by: str = "session"
    address: str = ""
    client: str = ""
    is_system: bool = False
    is_service: bool = False
    authentication: Authentication = Authentication()

    @property
    def who(self) -> Who:
        """The actor as events store them."""
        return Who(
            id=self.id,
            name=self.name,
            acting_role=self.acting_as or "",
            door=self.door,
            identified_by=self.identified_by,
            address=self.address,
            client=self.client,
        )

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles of all grants, strongest first."""
        held = {grant.role for grant in self.grants}
        return tuple(role for role in Role if role in held)

    def is_among(self, people: frozenset[int | None]) -> bool:
        """Whether this person's account is one of these. Templates ask this instead of reading `id`, so that everybody
        who is not among them can share one rendered fragment."""
        return self.id in people

    def is_named(self, names: frozenset[str]) -> bool:
        """Whether this person's user name is one of these; used instead of `name` for the same reason."""
        return self.name in names

    @property
    def active_grants(self) -> tuple[Grant, ...]:
        if self.acting_as is None:
            return self.grants
        return tuple(replace(grant, role=self.acting_as) for grant in self.grants if _can_act_as(grant.role, self.acting_as))


SYSTEM = Actor(id=None, name="Fairway", door=Door.WORKER, identified_by="system", is_system=True)


def _can_act_as(held: Role, wanted: Role) -> bool:
    return held == wanted or wanted == Role.VIEWER or (held == Role.ADMIN and wanted in _ALL)


def roles_one_may_act_as(grants: Sequence[Grant]) -> list[Role]:
    """The roles that the acting-as menu offers: every granted role, and the roles it contains."""
    return [role for role in Role if any(_can_act_as(grant.role, role) for grant in grants)]


EVERYTHING = Reach(frozenset({("", "")}))


def reach_of(actor: Actor, act: Act = Act.VIEW) -> Reach:
    """Where the actor may do this. Permissions, queries and pages all use it, so that they cannot disagree."""
    if actor.is_system:
        return EVERYTHING
    if act in ONLY_BY_PEOPLE and actor.is_service:
        return Reach(frozenset())
    grants = (grant for grant in actor.active_grants if grant.role in ROLES_FOR[act])
    return Reach(frozenset((grant.application, grant.environment) for grant in grants))


def may(actor: Actor, act: Act, *, application: str = "", environment: str = "") -> bool:
    """Whether the actor may do this; the only permission function. Subjects are slugs; "" means nothing in particular."""
    if act in _ABOUT_ONESELF:  # one's own account belongs to no environment, so narrowed grants suffice
        return may_somewhere(actor, act)
    return reach_of(actor, act).covers(application, environment)


def may_somewhere(actor: Actor, act: Act) -> bool:
    """Whether the actor may do this to anything at all; decides whether a menu entry or page is offered.

    Acts on the whole installation need a grant that is not narrowed: a grant to manage people in one environment is not
    enough.
    """
    if is_beyond_tokens(actor, act):
        return False
    if act in OF_THE_WHOLE:
        return reach_of(actor, act).is_everything
    return bool(reach_of(actor, act).pairs)


def is_beyond_tokens(actor: Actor, act: Act) -> bool:
    """Whether an API token is used for something that no token may do, whatever its owner may."""
    # in this order, because reading `authentication` makes a fragment personal
    return act in _NEVER_BY_TOKEN and actor.authentication.token is not None


ROLE_WORDS = {
    Role.ADMIN: "Admin",
    Role.RELEASE_MANAGER: "Release Manager",
    Role.DEPLOYER: "Deployer",
    Role.VIEWER: "Viewer",
}


@dataclass(frozen=True)
class Blocker:
    """One reason why an act may not happen now.

    `who` can clear it; `clears_at` is when it clears by itself (None: never, or nobody knows). One that `only_starts` keeps
    new work from starting: what runs already finishes, and what is queued waits until it clears. One that `passes` clears by
    itself at a time that nobody knows, and whatever waits for it is then asked again.
    """

    code: str
    sentence: str
    who: str = ""
    clears_at: datetime | None = None
    only_starts: bool = False
    passes: bool = False
    details: dict[str, object] = field(default_factory=dict, compare=False)


class Blocked(Exception):
    """An act was refused; `blockers` is never empty."""

    def __init__(self, blockers: Sequence[Blocker]) -> None:
        super().__init__(joined(blocker.sentence for blocker in blockers))
        self.blockers = list(blockers)


class NotVisible(LookupError):
    """There is no such thing, or the actor may not see it; the two cannot be told apart from outside."""

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"There is no {kind} “{name}”, or you may not see it.")
        self.kind = kind
        self.name = name


def why_not(actor: Actor, act: Act) -> Blocker:
    """The blocker to show when `may` is false for this actor and act."""
    if is_beyond_tokens(actor, act):
        return token_blocker()
    return service_blocker() if act in ONLY_BY_PEOPLE and actor.is_service else role_blocker(act)


def service_blocker() -> Blocker:
    """The blocker for an act that a person must do."""
    return Blocker(
        code="service_account",
        sentence=translate("A person must decide this; a service account cannot."),
        who=translate("a person with a role that allows it"),
    )


def token_blocker() -> Blocker:
    """The blocker for an act that no token may do, although its owner may."""
    return Blocker(
        code="token",
        sentence=translate("An API token cannot change how its owner signs in; sign in to the web interface to do that."),
        who=translate("its owner, after signing in"),
    )


def role_blocker(act: Act) -> Blocker:
    """The blocker for an act that the actor's role does not allow; it names the roles that do."""
    roles = translate(" or ").join(translate(ROLE_WORDS[role]) for role in Role if role in ROLES_FOR[act])
    return Blocker(
        code="role",
        sentence=translate("This needs the role {roles} here.", roles=roles),
        who=translate("an Admin, by granting it"),
    )


def token_is_well_formed(text: str) -> bool:
    """Whether a text has the form of a token (``fwy_`` and 43 URL-safe characters); checked before any lookup."""
    return text.startswith("fwy_") and len(text) == 47 and text[4:].replace("-", "").replace("_", "").isalnum()
