"""Images on one Engine: resolves, pulls, verifies, keeps and removes them.

An image that Fairway pulled gets a tag of its own, ``fairway/pulled:<digest>-<id>``. The tag says which Fairway pulled it (a
pulled image takes no labels), and protects what a rollback needs from ``docker image prune``. An image that was there before
gets the tag ``fairway/kept`` instead: collecting it removes the tag and leaves the image.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from docker import errors

from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Progress, RegistryCredential
from fairway.drivers.runtimes.docker import failures, plan
from fairway.drivers.runtimes.docker.daemon import Daemon, labels_of
from fairway.drivers.runtimes.docker.pulling import PullReport
from fairway.drivers.runtimes.docker.streams import json_lines
from fairway.shared.failures import Failure, Refused, Retry
from fairway.shared.hostnames import DOCKER_HUB
from fairway.shared.names import Invalid, image_repository, parse_image, registry_of

PULLED: Final = "fairway/pulled"
KEPT: Final = "fairway/kept"
_TAR: Final = {"Content-Type": "application/x-tar"}
_MARK = re.compile(rf"(?P<repository>{PULLED}|{KEPT}):(?P<hex>[0-9a-f]{{64}})-(?P<installation>[0-9a-f]{{8}})")


@dataclass(frozen=True)
class Stored:
    """One of Fairway's images on the Engine, with the references that must be removed to collect it."""

    artifact: ArtifactRef
    references: tuple[str, ...]


class Images:
    """The images of one data directory on one Engine."""

    def __init__(self, daemon: Daemon, names: plan.Names) -> None:
        self._daemon = daemon
        self._names = names

    def resolve(self, reference: str, credential: RegistryCredential | None) -> ArtifactRef:
        """The digest that a reference means right now; see `Runtime.resolve`."""
        try:
            wanted = plan.with_tag(parse_image(reference))
        except Invalid as wrong:
            raise Refused(f"The image {wrong.sentence}") from wrong
        local = self._built_by_hand(wanted)
        if local is not None:
            return local
        digest = self._registry_digest(wanted, credential)
        return ArtifactRef(ArtifactKind.IMAGE, digest, f"{image_repository(wanted)}@{digest}")

    def _built_by_hand(self, reference: str) -> ArtifactRef | None:
        """An image that somebody built on this Engine and never pushed: its name has no host, and it has no digest in a
        registry."""
        if "@" in reference or registry_of(reference) != DOCKER_HUB:
            return None
        image = self.inspect(reference)
        if image is None or image.get("RepoDigests"):
            return None
        return ArtifactRef(ArtifactKind.IMAGE, image["Id"], reference)

    def _registry_digest(self, reference: str, credential: RegistryCredential | None) -> str:
        name, _, digest = reference.partition("@")
        asked = f"{image_repository(name)}@{digest}" if digest else reference

        def explain(text: str, status: int | None) -> Failure:
            return failures.registry_failure(reference, text, status=status, has_credential=credential is not None)

        with self._daemon.asking("ask the registry", explain) as api:
            answer = api.inspect_distribution(asked, auth_config=_sign_in(credential))
        return str(answer["Descriptor"]["digest"])

    def inspect(self, reference: str) -> Mapping[str, Any] | None:
        """The inspection of an image; None if there is none."""
        try:
            with self._daemon.asking("look at an image") as api:
                return dict(api.inspect_image(reference))
        except errors.NotFound:
            return None

    def find(self, artifact: ArtifactRef) -> Mapping[str, Any] | None:
        """The inspection of the stored image that really has the artifact's digest."""
        for reference in dict.fromkeys([artifact.reference, artifact.digest, self._mark(PULLED, artifact.digest)]):
            image = self.inspect(reference) if reference else None
            if image is not None and carries(image, artifact.digest):
                return image
        return None

    def distribute(self, artifact: ArtifactRef, credential: RegistryCredential | None, progress: Progress) -> None:
        """Pull the image by its digest if it is missing, and tag it as ours; see `Runtime.distribute`."""
        progress.check()
        image = self.find(artifact)
        if image is not None:
            progress.line(f"Image {short(artifact.digest)} is already on this host.")
            if not self._is_ours(image):
                self._tag(image["Id"], KEPT, artifact.digest)
            return
        if not artifact.reference.endswith(f"@{artifact.digest}"):
            raise Refused(
                f"The image {short(artifact.digest)} is not on this host and no registry has it: it was built here. "
                "Build it again."
            )
        self._pull(artifact, credential, progress)
        image = self.find(artifact)
        if image is None:
            raise Retry(f"After the pull the image {short(artifact.digest)} is not on this host; something removed it.")
        self._tag(image["Id"], PULLED, artifact.digest)
        progress.line(f"Image {short(artifact.digest)} is on this host, digest verified.")

    def copy_from(self, other: Images, artifact: ArtifactRef, progress: Progress) -> None:
        """See `DockerRuntime.copy_from`. Nothing is stored on the way: one Engine's answer is the body of the request to the
        other."""
        progress.check()
        source = other.find(artifact)
        if source is None:
            raise Refused(f"The image {short(artifact.digest)} is no longer where it was built; build it again.")
        size = int(source.get("Size") or 0)
        progress.line(f"Copying image {short(artifact.digest)} ({size / 1e6:.1f} MB) from {other.host} to {self.host}.")
        with other._daemon.asking("hand out an image"):
            stream = other._daemon.stream("GET", f"/images/{source['Id']}/get", query={})
            with stream:
                self._load(stream.chunks(progress.check), progress)
        image = self.find(artifact)
        if image is None:
            raise Refused(f"The copy of the image {short(artifact.digest)} has another digest; build it on this host.")
        self._name(image["Id"], artifact)
        progress.line(f"Image {short(artifact.digest)} is on this host, digest verified.")

    def _load(self, chunks: Iterator[bytes], progress: Progress) -> None:
        with self._daemon.asking("load an image"):
            stream = self._daemon.stream("POST", "/images/load", query={"quiet": "1"}, body=chunks, headers=_TAR)
            with stream:
                for event in json_lines(stream.chunks(progress.check)):
                    if "error" in event:
                        raise failures.engine_failure("load an image", str(event["error"]))

    def _name(self, image_id: str, artifact: ArtifactRef) -> None:
        """Give a copy its tags: the name under which it was built, and the one that says that it is ours."""
        name, _, tag = artifact.reference.rpartition(":")
        if name and tag and "@" not in artifact.reference:
            with self._daemon.asking("tag an image") as api:
                api.tag(image_id, name, tag=tag, force=True)
        if not self._is_ours_by_label(image_id):
            self._tag(image_id, PULLED, artifact.digest)

    def _is_ours_by_label(self, image_id: str) -> bool:
        image = self.inspect(image_id)
        return image is not None and labels_of(image).get(plan.DATA) == self._names.installation

    @property
    def host(self) -> str:
        """The Engine's address as people know it."""
        return self._daemon.name

    def _pull(self, artifact: ArtifactRef, credential: RegistryCredential | None, progress: Progress) -> None:
        name, _, digest = artifact.reference.partition("@")
        report = PullReport(time.monotonic)
        progress.line(f"Pulling {artifact.reference}")

        def explain(text: str, status: int | None) -> Failure:
            return failures.registry_failure(artifact.reference, text, status=status, has_credential=credential is not None)

        query = {"fromImage": image_repository(name), "tag": digest}
        with self._daemon.asking("pull an image", explain):
            stream = self._daemon.stream("POST", "/images/create", query=query, headers=plan.registry_auth(credential))
            with stream:
                for event in json_lines(stream.chunks(progress.check)):
                    if "error" in event:
                        raise explain(str(event["error"]), None)
                    for line in report.lines(event):
                        progress.line(line)

    def stored(self) -> list[Stored]:
        """Every image of this data directory: those built here (by label), and those pulled or kept (by tag)."""
        with self._daemon.asking("list images") as api:
            listed = api.images()
        found = [self._built(image) or self._marked(image) for image in listed]
        return sorted((stored for stored in found if stored), key=lambda stored: stored.artifact.digest)

    def _built(self, image: Mapping[str, Any]) -> Stored | None:
        if labels_of(image).get(plan.DATA) != self._names.installation:
            return None
        tags = tuple(tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>")
        reference = tags[0] if tags else ""
        return Stored(ArtifactRef(ArtifactKind.IMAGE, image["Id"], reference), tags or (image["Id"],))

    def _marked(self, image: Mapping[str, Any]) -> Stored | None:
        for tag in image.get("RepoTags") or ():
            mark = _MARK.fullmatch(tag)
            if mark and mark["installation"] == self._names.installation:
                digest = f"sha256:{mark['hex']}"
                origins = [name for name in image.get("RepoDigests") or () if name.endswith(f"@{digest}")]
                pulled = tuple(origins) if mark["repository"] == PULLED else ()
                reference = origins[0] if origins else tag
                return Stored(ArtifactRef(ArtifactKind.IMAGE, digest, reference), (*pulled, tag))
        return None

    def collect(self, keep: Collection[str], progress: Progress) -> list[str]:
        """Remove our images that are neither in `keep` nor used by a container; see `Runtime.collect`."""
        with self._daemon.asking("list containers") as api:
            used = {container["ImageID"] for container in api.containers(all=True)}
        removed = []
        for stored in self.stored():
            progress.check()
            image = self.find(stored.artifact)
            if stored.artifact.digest in keep or image is None or image["Id"] in used:
                continue
            if self._remove(stored.references):
                progress.line(f"Removed image {short(stored.artifact.digest)}.")
                removed.append(stored.artifact.digest)
        return removed

    def _remove(self, references: tuple[str, ...]) -> bool:
        """Remove the references, our own tag last, so that after a crash the image is still ours. Returns False while it is
        in use."""
        for reference in references:
            try:
                with suppress(errors.NotFound), self._daemon.asking("remove an image") as api:
                    api.remove_image(reference)
            except Retry:  # 409: a container or another image needs it by now; the next collection tries again
                return False
        return True

    def _is_ours(self, image: Mapping[str, Any]) -> bool:
        return bool(self._built(image) or self._marked(image))

    def _mark(self, repository: str, digest: str) -> str:
        return f"{repository}:{digest.removeprefix('sha256:')}-{self._names.installation}"

    def _tag(self, image_id: str, repository: str, digest: str) -> None:
        name, _, tag = self._mark(repository, digest).partition(":")
        with self._daemon.asking("tag an image") as api:
            api.tag(image_id, name, tag=tag, force=True)


def carries(image: Mapping[str, Any], digest: str) -> bool:
    """Whether the digest is one of the image's own: its id, or that of its manifest in a registry."""
    return digest == image["Id"] or any(name.endswith(f"@{digest}") for name in image.get("RepoDigests") or ())


def short(digest: str) -> str:
    """The digest as people read it: its first twelve hexadecimal digits."""
    return digest.removeprefix("sha256:")[:12]


def _sign_in(credential: RegistryCredential | None) -> dict[str, str]:
    """Never None, because the SDK would then send the credentials of the user who runs Fairway."""
    if credential is None:
        return {"username": "", "password": ""}
    return {"username": credential.username, "password": credential.password, "serveraddress": credential.host}
