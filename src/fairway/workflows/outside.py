"""What workflows reach outside the database, as this installation is set up: its proxy, its builders, its work folders."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from django.conf import settings

from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.builders.contract import Builder
from fairway.drivers.builders.pythons import PythonSource
from fairway.drivers.proxy import CaddyProxy
from fairway.drivers.proxy.caddy import CaddyProcess
from fairway.drivers.proxy.configuration import Https, ProxySettings
from fairway.drivers.proxy.own_pages import OwnPages
from fairway.drivers.proxy.token import shared_token
from fairway.drivers.runtimes.contract import ArtifactKind, Runtime
from fairway.environments.models import Environment
from fairway.environments.runtimes import driver_options
from fairway.environments.secrets import SEALED as BUILD_ARGUMENTS


def proxy_folder() -> Path:
    folder: Path = settings.DATA.folder("caddy")
    return folder


@cache
def proxy() -> CaddyProxy:
    return CaddyProxy(proxy_folder())


def probe_token() -> str:
    return shared_token(proxy_folder())


def caddy() -> CaddyProcess:
    """The process of Caddy that this worker starts and supervises, with the settings of this installation."""
    web = f"127.0.0.1:{settings.WEB_PORT}"
    https = None
    if settings.PROXY_TLS_PORT:
        https = Https(
            port=settings.PROXY_TLS_PORT,
            ask_url=f"http://{web}/tls/ask",
            issuer="internal" if settings.PROXY_TLS_ISSUER == "internal" else "acme",
            directory_url=settings.ACME_DIRECTORY,
        )
    binds = tuple(settings.PROXY_BINDS)
    return CaddyProcess(
        proxy_folder(),
        ProxySettings(
            port=settings.PROXY_PORT,
            web=web,
            token=probe_token(),
            binds=binds,
            https=https,
            own_pages=OwnPages(settings.PUBLIC_URL, settings.OWN_HOST) if settings.OWN_HOST else None,
            trusted_proxies=tuple(settings.TRUSTED_PROXIES),
        ),
    )


def builder_for(environment: Environment, runtime: Runtime, *, gets_secrets: bool = True) -> Builder:
    """The builder of what this runtime runs: images if it runs only images, else bundles. Without secrets, it gets none of
    the environment's build arguments."""
    if ArtifactKind.IMAGE in runtime.artifact_kinds and ArtifactKind.BUNDLE not in runtime.artifact_kinds:
        from fairway.drivers.builders.image import ImageBuilder  # loads the Docker SDK: 6 MB that few workers need

        options = driver_options(environment)
        if not gets_secrets:
            options.pop(BUILD_ARGUMENTS, None)
        return ImageBuilder(options, settings.DATA.folder())
    return BundleBuilder(settings.DATA.folder(), PythonSource(settings.PYTHON_DOWNLOADS, settings.PYTHON_MIRROR))


def work_folder(name: str) -> Path:
    """The work folder with this name below the data directory, created if it is missing."""
    folder: Path = settings.DATA.folder("work", name)
    return folder


def forget_work_folder(name: str) -> None:
    shutil.rmtree(settings.DATA.folder("work") / name, ignore_errors=True)
