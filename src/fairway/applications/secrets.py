"""Seals and opens the secrets of configurations and credentials with this installation's keys."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from fairway.applications.models import Configuration, Credential
from fairway.drivers.builders.git_access import SignIn
from fairway.drivers.runtimes.contract import RegistryCredential
from fairway.shared.sealing import Seal


@cache
def _seal_for(keys: tuple[str, ...]) -> Seal:
    return Seal(keys)


def seal() -> Seal:
    return _seal_for(tuple(settings.FIELD_KEYS))


def open_secrets(configuration: Configuration | None) -> dict[str, str]:
    """The secrets of a configuration in clear; for the runtime only, never for a page. What must not get secrets has no
    configuration with any (`save_configuration`)."""
    return seal().open_all(configuration.sealed_secrets) if configuration else {}


def open_credential(credential: Credential) -> str:
    return seal().open(credential.sealed_secret)


def git_sign_in(credential: Credential) -> SignIn:
    return SignIn(credential.host, credential.username, open_credential(credential))


def registry_credential(credential: Credential) -> RegistryCredential:
    return RegistryCredential(credential.host, credential.username, open_credential(credential))
