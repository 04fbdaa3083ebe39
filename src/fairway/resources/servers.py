"""The drivers of resources and what they need. Administrators' passwords are decrypted only here."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from fairway.applications.secrets import seal
from fairway.drivers.resources.contract import Login, ResourceDriver, ServerSpec
from fairway.drivers.resources.registry import open_driver
from fairway.environments.runtimes import driver_options
from fairway.resources.models import Binding, Resource
from fairway.shared.failures import Refused
from fairway.shared.translation import translate


def driver_of(resource: Resource) -> ResourceDriver:
    return open_driver(resource.kind, settings.DATA.folder())


def server_spec(resource: Resource) -> ServerSpec:
    require = driver_options(resource.environment).get("require") or ()
    return ServerSpec(
        name=resource.server,
        version=resource.version,
        port=resource.port,
        password=seal().open(resource.sealed_password),
        require=tuple(str(name) for name in require),
    )


def login_of(binding: Binding) -> Login:
    return Login(binding.login, seal().open(binding.sealed_password))


def backup_place(name: str) -> Path:
    """The path of a backup's file. Raises `Refused` if `name` is not a plain file name, as all that Fairway chooses are."""
    if "/" in name or name.startswith("."):
        raise Refused(translate("“{name}” is not the name of a backup.", name=name[:60]))
    folder: Path = settings.DATA.folder("backups")
    return folder / name
