"""What is known about an installation's security: the values that `security_rules` judges. No secret is among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

Names = tuple[str, ...]


@dataclass(frozen=True)
class People:
    """`with_password` is how many may sign in with a password, `without_code` how many of them give no code after it;
    `admins_without_code` are the administrators among those. `away` have neither signed in nor used a token for 90 days.
    `invited` is how many invitations can still be accepted, `invited_at` when the oldest of them was made. All names are
    user names."""

    admins: int = 0
    with_password: int = 0
    without_code: int = 0
    admins_without_code: Names = ()
    away: Names = ()
    invited: int = 0
    invited_at: datetime | None = None
    demo: Names = ()


@dataclass(frozen=True)
class SignIn:
    """`only_emergency`: only emergency accounts may use a password. `providers` is how many sign-in providers are on."""

    two_step_required: bool = False
    only_emergency: bool = False
    providers: int = 0
    least_password: int = 0
    session_hours: float = 0
    idle_minutes: float = 0


@dataclass(frozen=True)
class Held:
    """How many tokens, and whose (user names)."""

    count: int = 0
    owners: Names = ()


@dataclass(frozen=True)
class Tokens:
    """Which tokens work, have no end, were not used for 90 days, and may do everything in the whole installation.
    `ci_any` are the names of CI trusts that hold for every branch or tag."""

    working: int = 0
    endless: Held = Held()
    unused: Held = Held()
    unlimited: Held = Held()
    ci_trusts: int = 0
    ci_any: Names = ()


@dataclass(frozen=True)
class Running:
    """`production` is the name of the environment for which approvals are looked at, "" if there is no environment. `walls`
    are the layers on this machine (name, stands); None if this machine could not say."""

    production: str = ""
    slug: str = ""
    approvals: int = 0
    applications: int = 0
    open_applications: Names = ()
    on_process: Names = ()  # environments with the process runtime
    without_required: Names = ()  # those of them that require no wall
    walls: Mapping[str, bool] | None = field(default_factory=dict)


@dataclass(frozen=True)
class Records:
    """The chain of events, backups of resources, and who is warned. `mail` is the encryption of the mail server, "" without
    one."""

    heads_elsewhere: bool = False
    heads_sent: bool = True
    heads_failed: bool = False
    is_broken: bool = False
    verified_to: int = 0
    verified_at: datetime | None = None  # the whole chain, last
    resources: int = 0
    without_backups: Names = ()
    mail: str = ""
    channels: int = 0  # that hear of security


@dataclass(frozen=True)
class Network:
    """Addresses, and what variables allow. `database` is "" for SQLite, "local" for PostgreSQL on this machine, else its
    `sslmode`."""

    public_url: str = "http://localhost:8000"
    hosts: Sequence[str] = ()
    source_addresses: str = "intranet"
    sign_in_addresses: str = "intranet"
    notify_addresses: str = "intranet"
    file_sources: bool = False
    trusts_every_proxy: bool = False
    database: str = ""

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Whether pages answer to names of this machine only."""
        return all(is_local_host(host) for host in (urlsplit(self.public_url).hostname or "", *self.hosts))


@dataclass(frozen=True)
class Facts:
    """Everything that is judged, as of `now`."""

    now: datetime
    sign_in: SignIn
    people: People
    tokens: Tokens
    running: Running
    records: Records
    network: Network


def is_local_host(host: str) -> bool:
    """Whether this name or address means this machine itself."""
    bare = host.strip("[]").lower()
    return bare in {"localhost", "::1"} or bare.endswith(".localhost") or bare.startswith("127.")
