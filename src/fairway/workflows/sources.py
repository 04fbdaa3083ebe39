"""From a source to an artifact: resolve the source and find what was built before, or fetch, detect and build it once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from fairway import __version__
from fairway.applications.commands import record_artifact
from fairway.applications.files import upload_file
from fairway.applications.models import Application, Artifact, Contents, Credential
from fairway.applications.queries import credential_for, is_out_of_scope
from fairway.applications.rules import SourceKind, https_host
from fairway.applications.secrets import git_sign_in, open_credential
from fairway.deployments.models import Deployment
from fairway.drivers.addresses import POLICIES, AddressPolicy
from fairway.drivers.builders import inventory
from fairway.drivers.builders.command_line import join_command
from fairway.drivers.builders.contract import BuildRequest, Checkout, Finding, Spec
from fairway.drivers.builders.detection.choosing import Unrunnable, chosen_spec, kinds_of
from fairway.drivers.builders.fetch_archive import ArchiveLimits, unpack
from fairway.drivers.builders.fetch_git import FetchLimits, fetch_git, resolve_ref
from fairway.drivers.builders.services import backing_services_of
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Progress, Runtime
from fairway.environments.models import Environment
from fairway.shared import facts
from fairway.shared.failures import NeedsPerson, Refused
from fairway.shared.names import Invalid, image_repository
from fairway.shared.urls import without_secrets
from fairway.workflows.outside import builder_for, work_folder
from fairway.workflows.step_context import StepContext, sign_in_for
from fairway.workflows.transfer import holder_of


class Log(Progress, Protocol):
    """The log of a build: a `Progress` that Fairway adds lines of its own to."""

    def say(self, text: str) -> None:
        """Add a line of Fairway's own."""


@dataclass(frozen=True)
class BuildInput:
    """What shall become an artifact, for which runtime, and the log of doing so. It needs no deployment.

    `work` is the name of the work folder; see `work_folder`.
    """

    application: Application
    environment: Environment
    source_kind: str
    source: dict[str, Any]
    spec: dict[str, Any] | None
    requested_by: str
    runtime: Runtime
    log: Log
    work: str


def work_name(deployment: Deployment) -> str:
    return f"deployment-{deployment.pk}"


def build_input_of(step: StepContext) -> BuildInput:
    """The input of the build with which a deployment from source begins."""
    deployment = step.deployment
    return BuildInput(
        deployment.application,
        deployment.environment,
        deployment.source_kind,
        deployment.source,
        deployment.spec,
        deployment.requested_by,
        step.runtime,
        step.log,
        work_name(deployment),
    )


def artifact_from_source(build_input: BuildInput) -> Artifact:
    """The artifact of a source: the one that was built before, or a new one. Raises `NeedsPerson` if the credential may not
    be used here, `Refused` if the source cannot be run, and what `fetch` and the builder raise."""
    if is_out_of_scope(build_input.application, build_input.source, build_input.environment):
        words = (build_input.source["credential"], build_input.application.name, build_input.environment.name)
        raise NeedsPerson("The credential “{}” may not be used for {} in {}; choose another, or widen it.".format(*words))
    if build_input.source_kind == SourceKind.IMAGE:
        return _from_image(build_input)
    identity = _identity(build_input)
    known = _built_before(build_input, identity)
    if known is not None:
        build_input.log.say(f"{known.version} was built before ({known.digest[:19]}); nothing to build.")
        return known
    checkout = fetch(
        build_input.source_kind,
        build_input.source,
        credential_for(build_input.application, build_input.environment),
        identity.get("commit", ""),
        work_folder(build_input.work),
        build_input.log,
    )
    spec, remarks = settle_spec(checkout, build_input.source, build_input.spec, build_input.runtime)
    spec = _with_pinned_images(build_input, spec)
    _tell(build_input, spec, remarks)
    application = build_input.application
    builder = builder_for(build_input.environment, build_input.runtime, gets_secrets=application.gets_secrets)
    built = builder.build(BuildRequest(application.slug, checkout, spec), build_input.log)
    build_input.log.say(f"Built with {built.builder}: {built.artifact.digest[:19]}, {built.size_bytes / 1e6:.1f} MB.")
    return record_artifact(
        application=build_input.application,
        ref=built.artifact,
        spec=spec,
        version=_version(checkout, spec, built.artifact.digest),
        source_kind=build_input.source_kind,
        source=build_input.source,
        created_by=build_input.requested_by,
        source_key=_key(identity),
        commit=checkout.commit,
        author=checkout.author,
        message=checkout.message,
        committed_at=checkout.committed_at,
        builder=built.builder,
        size_bytes=built.size_bytes,
        remarks=[asdict(remark) for remark in remarks],
        contents=_contents(built.artifact, checkout),
    )


def _contents(ref: ArtifactRef, checkout: Checkout) -> Contents:
    """What is in what was built, as far as it can be seen: what is installed in a bundle, else what the source's lock files
    name."""
    found, seen_in = inventory.of_bundle(ref.location) if ref.location is not None else [], Contents.BUNDLE
    if not found:
        found, seen_in = inventory.of_source(checkout.folder), Contents.SOURCE
    return Contents(components=[list(astuple(each)) for each in found], seen_in=seen_in, fairway=__version__)


def _with_pinned_images(build_input: BuildInput, spec: Spec) -> Spec:
    """The spec with the image of each service that has its own as ``repository@sha256:…``: what its tag means now is what
    runs, everywhere."""
    services = dict(spec.services)
    for service in backing_services_of(spec):
        credential = sign_in_for(build_input.application, service.image, build_input.environment)
        ref = build_input.runtime.resolve(service.image, credential)
        build_input.log.say(f"{service.name}: {service.image} is {ref.digest}.")
        services[service.name] = {**services[service.name], "image": f"{image_repository(service.image)}@{ref.digest}"}
    return replace(spec, services=services)


def _from_image(build_input: BuildInput) -> Artifact:
    """The artifact of an image in a registry. Its tag is resolved to a digest once, and that digest is what runs."""
    if ArtifactKind.IMAGE not in build_input.runtime.artifact_kinds:
        name = build_input.environment.name
        raise Refused(
            f"{name} uses the {build_input.runtime.name} runtime, which runs no images; choose an environment with Docker."
        )
    reference = build_input.source["image"]
    credential = sign_in_for(build_input.application, reference, build_input.environment)
    ref = build_input.runtime.resolve(reference, credential)
    build_input.log.say(f"{reference} is {ref.digest}.")
    build_input.runtime.distribute(ref, credential, build_input.log)
    declared = build_input.runtime.declared_port(ref)
    detected = {"kind": "image", "framework": "Image", **({"port": declared} if declared else {})}
    spec = _parse({**detected, **(build_input.spec or {})})
    build_input.log.say(
        f"It listens on port {spec.port}" + ("." if declared == spec.port else ": the image exposes none, or it was set.")
    )
    tag = reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return record_artifact(
        application=build_input.application,
        ref=ref,
        spec=spec,
        version=spec.version or tag or ref.digest.removeprefix("sha256:")[:12],
        source_kind=SourceKind.IMAGE,
        source=build_input.source,
        created_by=build_input.requested_by,
        builder="registry",
    )


def fetch(
    kind: str, source: dict[str, Any], credential: Credential | None, commit: str, into: Path, log: Progress
) -> Checkout:
    """Fetch a Git or archive source into a folder below `into`. Raises `Refused`, `NeedsPerson` or `Retry`."""
    folder = into / "source"
    try:
        return _fetched(kind, source, credential, commit, folder, log)
    except Invalid as error:
        raise Refused(f"{error.field} {error.sentence}") from None


def _fetched(
    kind: str, source: dict[str, Any], credential: Credential | None, commit: str, folder: Path, log: Progress
) -> Checkout:
    if kind == SourceKind.GIT:
        log.line(f"Fetching {source['url']} at {(commit or source['ref'])[:40]}", stream="fairway")
        return fetch_git(
            source["url"],
            commit or source["ref"],
            folder,
            progress=log,
            limits=_git_limits(),
            **_git_access(credential, source["url"]),
        )
    if "upload" in source:
        archive = upload_file(source["upload"])
        if not archive.exists():
            raise Refused("The uploaded archive is no longer stored here; upload it again.")
        return unpack(archive, folder, progress=log, limits=_archive_limits())
    from fairway.drivers.builders.fetch_url import fetch_url  # loads httpx: 7 MB that few workers need

    log.line(f"Downloading {without_secrets(source['url'])}", stream="fairway")
    archive = fetch_url(
        source["url"], source["checksum"], folder.with_name("archive"), progress=log, policy=address_policy()
    )
    return unpack(archive, folder, progress=log, limits=_archive_limits())


def _git_access(credential: Credential | None, url: str) -> dict[str, Any]:
    """How to sign in to a Git server, as arguments of `fetch_git`: with a deploy key over SSH, with a token over HTTPS.
    Raises `NeedsPerson` if the credential is of the other kind."""
    wanted = Credential.HTTPS if https_host(url) else Credential.DEPLOY_KEY
    if credential is not None and credential.kind != wanted:
        needed = "a token for Git over HTTPS" if wanted == Credential.HTTPS else "a deploy key"
        raise NeedsPerson(f"“{credential.name}” is not {needed}; choose one that is for this repository.")
    key = credential if credential and wanted == Credential.DEPLOY_KEY else None
    return {
        "deploy_key": open_credential(key) if key else None,
        "known_hosts": _known_hosts(key),
        "sign_in": git_sign_in(credential) if credential and not key else None,
        "allow_file": settings.ALLOW_FILE_SOURCES,
        "policy": address_policy(),
    }


def _known_hosts(credential: Credential | None) -> Path | None:
    """The file for ssh with the host keys that are stored with the credential. None if there are none; then the server's key
    is pinned at first use."""
    if credential is None or not credential.known_hosts:
        return None
    file: Path = settings.DATA.folder("ssh") / f"known_hosts-{credential.pk}"
    file.write_text(credential.known_hosts + "\n")
    return file


def _git_limits() -> FetchLimits:
    return FetchLimits(files=settings.SOURCE_FILES)


def _archive_limits() -> ArchiveLimits:
    return ArchiveLimits(entries=settings.SOURCE_FILES)


def address_policy() -> AddressPolicy | None:
    """Which addresses sources may come from: the public internet, also the company's network (the default), or any."""
    return POLICIES[settings.SOURCE_ADDRESSES]


def _identity(build_input: BuildInput) -> dict[str, Any]:
    """What two builds must have in common to be the same: the exact source, a person's changes, what it is built for, and
    the version of Fairway."""
    source = build_input.source
    exact = {name: value for name, value in source.items() if name not in {"ref", "credential", "name"}}
    if build_input.source_kind == SourceKind.GIT:
        access = _git_access(credential_for(build_input.application, build_input.environment), source["url"])
        exact["commit"] = resolve_ref(source["url"], source["ref"], progress=build_input.log, **access)
        build_input.log.say(f"{source['ref']} is commit {exact['commit'][:12]}.")
    kinds = sorted(build_input.runtime.artifact_kinds)
    return {
        **exact,
        "fairway": __version__,
        "kind": build_input.source_kind,
        "spec": build_input.spec,
        "builds": kinds,
    }


def _key(identity: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()


def _built_before(build_input: BuildInput, identity: dict[str, Any]) -> Artifact | None:
    same = Artifact.objects.filter(application=build_input.application, source_key=_key(identity), collected_at=None)
    known = same.order_by("-number").first()
    if known is None:
        return None
    is_somewhere = build_input.runtime.is_distributed(known.ref) or holder_of(
        known, build_input.environment, build_input.runtime
    )
    return known if is_somewhere else None


def settle_spec(
    checkout: Checkout, source: dict[str, Any], overrides: dict[str, Any] | None, runtime: Runtime | None
) -> tuple[Spec, tuple[Finding, ...]]:
    """The detected spec with a person's changes, and remarks on what was found in the source and not used.

    Raises `Refused`, which says what to do, if nothing can be run.
    """
    kinds = kinds_of(runtime)
    try:
        return chosen_spec(checkout.folder, overrides or {}, kinds, root=source.get("folder", "."))
    except Unrunnable as error:
        raise Refused(error.sentence) from None
    except Invalid as error:
        raise Refused(f"{error.field} {error.sentence}") from None
    except (ValueError, TypeError) as error:
        raise Refused(f"The application's settings do not fit together: {error}") from None


def _parse(data: dict[str, Any]) -> Spec:
    try:
        return replace(Spec.from_json(data))
    except (ValueError, TypeError) as error:
        raise Refused(f"The application's settings do not fit together: {error}") from None


def _version(checkout: Checkout, spec: Spec, digest: str) -> str:
    """The version that people see: the project's version, the commit, or both; without either, the start of the digest."""
    short, own = checkout.commit[:7], facts.one_line(spec.version, 100)
    if own and short:
        return f"{own}+{short}"
    return own or short or digest.removeprefix("sha256:")[:12]


def _tell(build_input: BuildInput, spec: Spec, remarks: tuple[Finding, ...]) -> None:
    if spec.command:
        runs = f"it runs: {join_command(spec.command)}"
    elif spec.kind == "static":
        runs = "its files are served as they are"
    else:
        runs = "it runs the command its image names"
    build_input.log.say(f"Detected {spec.framework or spec.kind}; {runs}")
    for remark in remarks:
        build_input.log.say(f"Note: {remark.what} ({remark.because}).")
