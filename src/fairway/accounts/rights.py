"""What follows from a person's grants: where they may do what, and which grants allow it. Pure.

It decides nothing: it asks `rules.may` about each grant by itself. Grants never help each other there, so a person may do
what at least one of their grants allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from fairway.accounts.rules import Act, Actor, Grant, may
from fairway.shared.names import Invalid


class About(StrEnum):
    """What a command names when it asks whether somebody may do an act."""

    NOTHING = "nothing"  # in particular: the installation, a release
    APPLICATION = "application"  # wherever it runs
    ENVIRONMENT = "environment"  # with all applications in it
    PLACEMENT = "placement"  # one application in one environment


_NOTHING = (
    Act.CREATE_APPLICATION, Act.CREATE_ENVIRONMENT, Act.CREATE_RELEASE, Act.EDIT_RELEASE, Act.DELETE_RELEASE,
    Act.SEAL_RELEASE, Act.CANCEL_RELEASE, Act.MANAGE_PEOPLE, Act.MANAGE_SYSTEM, Act.OWN_ACCOUNT, Act.CHANGE_ACCOUNT,
)  # fmt: skip
_APPLICATION = (
    Act.EDIT_APPLICATION, Act.DELETE_APPLICATION, Act.MARK_BAD, Act.ADD_PACKAGE, Act.EDIT_PACKAGE, Act.DELETE_PACKAGE,
    Act.DEPEND,
)  # fmt: skip
_ENVIRONMENT = (
    Act.EDIT_ENVIRONMENT, Act.DELETE_ENVIRONMENT, Act.LOCK_ENVIRONMENT, Act.CREATE_RESOURCE, Act.TRY_RESOURCE,
    Act.DELETE_RESOURCE, Act.BACK_UP_RESOURCE,
)  # fmt: skip
ABOUT: dict[Act, About] = {
    **dict.fromkeys(Act, About.PLACEMENT),
    **dict.fromkeys(_NOTHING, About.NOTHING),
    **dict.fromkeys(_APPLICATION, About.APPLICATION),
    **dict.fromkeys(_ENVIRONMENT, About.ENVIRONMENT),
}


class Extent(StrEnum):
    """For which applications something is allowed."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


@dataclass(frozen=True)
class Right:
    """Which grants allow an act in one environment ("" for acts that name none), by application; "" is every application."""

    act: Act
    environment: str
    grants: dict[str, tuple[Grant, ...]]

    @property
    def extent(self) -> Extent:
        return Extent.ALL if "" in self.grants else Extent.SOME if self.grants else Extent.NONE

    @property
    def applications(self) -> tuple[str, ...]:
        """The applications to which it is limited; none if it is allowed for all or for none."""
        return () if "" in self.grants else tuple(sorted(self.grants))

    @property
    def by(self) -> tuple[Grant, ...]:
        """All grants that allow it, each once."""
        return tuple(dict.fromkeys(grant for grants in self.grants.values() for grant in grants))

    def of(self, application: str) -> tuple[Grant, ...]:
        """The grants that allow it for this application; "" for every application."""
        keys = dict.fromkeys(("", application))
        return tuple(grant for key in keys for grant in self.grants.get(key, ()))


def granting(actor: Actor, act: Act, *, application: str = "", environment: str = "") -> tuple[Grant, ...]:
    """The grants that allow this, each by itself. There is one if and only if `may` says yes."""
    return tuple(
        grant for grant in actor.grants if may(alone(actor, grant), act, application=application, environment=environment)
    )


def right_to(actor: Actor, act: Act, environment: str = "") -> Right:
    """Where the actor may do this, in one environment; for acts that name no environment, leave it out."""
    found: dict[str, list[Grant]] = {}
    for grant in actor.grants:
        application = grant.application if ABOUT[act] in {About.APPLICATION, About.PLACEMENT} else ""
        if may(alone(actor, grant), act, application=application, environment=environment):
            found.setdefault(application, []).append(grant)
    return Right(act, environment, {application: tuple(grants) for application, grants in found.items()})


def names_environment(act: Act) -> bool:
    return ABOUT[act] in {About.ENVIRONMENT, About.PLACEMENT}


def names_application(act: Act) -> bool:
    return ABOUT[act] in {About.APPLICATION, About.PLACEMENT}


def rights_of(actor: Actor, environments: Iterable[str]) -> list[Right]:
    """Every act in each of these environments (slugs); acts that name no environment are there once."""
    places = list(environments)
    return [right_to(actor, act, place) for act in Act for place in (places if names_environment(act) else [""])]


def alone(actor: Actor, grant: Grant) -> Actor:
    """The actor with only one of their grants."""
    return replace(actor, grants=(grant,))


def short_name(act: Act) -> str:
    """What people type for an act: “deploy”, “roll-back”, “lock-environment”."""
    return act.name.lower().replace("_", "-")


def parse_act(text: str) -> Act:
    """The act with this short name, or its name in the API (“deployment.deploy”). Raises `Invalid`, which lists the acts."""
    wanted = text.strip().lower().replace("_", "-")
    for act in Act:
        if wanted in {short_name(act), act.value.replace("_", "-")}:
            return act
    names = ", ".join(sorted(map(short_name, Act)))
    raise Invalid("act", "“{value}” is not an act; use one of {names}.", value=text[:40], names=names)
