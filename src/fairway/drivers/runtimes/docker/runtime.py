"""The ``docker`` runtime: runs instances as containers of a Docker Engine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

from docker import errors

from fairway.drivers.hosts.address import is_ssh
from fairway.drivers.runtimes.contract import (
    ArtifactKind,
    ArtifactRef,
    Availability,
    Instance,
    InstanceSpec,
    NullProgress,
    OutputLine,
    Progress,
    RegistryCredential,
    Usage,
    Written,
)
from fairway.drivers.runtimes.docker import output, plan
from fairway.drivers.runtimes.docker.containers import Containers
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.drivers.runtimes.docker.endpoints import endpoint_for
from fairway.drivers.runtimes.docker.identity import installation_id
from fairway.drivers.runtimes.docker.images import Images
from fairway.drivers.runtimes.docker.options import DockerOptions
from fairway.drivers.runtimes.docker.readback import exposed_port
from fairway.shared.failures import Failure, NeedsPerson


class DockerRuntime:
    """Runs images as containers of one Docker Engine, over its local socket or through a tunnel. Several threads may use
    it."""

    name = "docker"
    artifact_kinds = frozenset({ArtifactKind.IMAGE})

    def __init__(self, options: DockerOptions, *, data: Path) -> None:
        self.options = options
        self._data = data
        self.endpoint = endpoint_for(options.host, data)
        self.daemon = Daemon(self.endpoint.url, self.endpoint.name)

    @classmethod
    def open(cls, options: Mapping[str, object], *, data: Path) -> Self:
        """See `Runtime.open`. `DockerOptions` describes the options. Raises `Invalid` if one is wrong."""
        return cls(DockerOptions.parse(options), data=data)

    def close(self) -> None:
        """Close the connections to the Engine; the next call opens new ones."""
        self.daemon.close()

    @cached_property
    def names(self) -> plan.Names:
        """The names of this data directory's containers, networks and volumes."""
        return plan.Names(installation_id(self._data))

    @cached_property
    def images(self) -> Images:
        """The images of this data directory."""
        return Images(self.daemon, self.names)

    @cached_property
    def _containers(self) -> Containers:
        options, holds = self.options, self._data / "docker-holds"
        return Containers(self.daemon, self.names, self.images, options.ports, options.publish, holds=holds)

    def availability(self) -> Availability:
        """See `Runtime.availability`."""
        try:
            with self.daemon.asking("say its version") as api:
                version = str(api.version()["Version"])
        except NeedsPerson as failure:
            return Availability(False, failure.sentence)
        except (Failure, errors.NotFound):
            where = self.options.host
            if is_ssh(where):
                return Availability(False, f"No Docker Engine answers at {where}.")
            return Availability(
                False,
                f"No Docker Engine answers at {where}. Install Docker and start it (on Debian: apt-get install docker.io), "
                "or use the process runtime.",
            )
        return Availability(True, f"Docker Engine {version} at {self.options.host}.", version)

    def resolve(self, reference: str, credential: RegistryCredential | None) -> ArtifactRef:
        """See `Runtime.resolve`."""
        return self.images.resolve(reference, credential)

    def distribute(self, artifact: ArtifactRef, credential: RegistryCredential | None, progress: Progress) -> None:
        """See `Runtime.distribute`."""
        self.images.distribute(artifact, credential, progress)

    def is_distributed(self, artifact: ArtifactRef) -> bool:
        """See `Runtime.is_distributed`."""
        return self.images.find(artifact) is not None

    def declared_port(self, artifact: ArtifactRef) -> int | None:
        """See `Runtime.declared_port`."""
        image = self.images.find(artifact)
        return exposed_port(image) if image is not None else None

    def ensure_started(self, spec: InstanceSpec, progress: Progress) -> Instance:
        """See `Runtime.ensure_started`."""
        started = self._containers.ensure_started(spec, progress)
        if started.address:
            self.endpoint.ensure_open(started.address)
        return self._as_dialled(started)

    def run_once(self, spec: InstanceSpec, progress: Progress) -> int:
        """See `Runtime.run_once`."""
        return self._containers.run_once(spec, progress)

    def instance(self, name: str) -> Instance | None:
        """See `Runtime.instance`."""
        found = self._containers.instance(name)
        return self._as_dialled(found) if found else None

    def instances(self, placement: str | None = None) -> list[Instance]:
        """See `Runtime.instances`."""
        return [self._as_dialled(instance) for instance in self._containers.instances(placement)]

    def _as_dialled(self, instance: Instance) -> Instance:
        return replace(instance, address=self.endpoint.here(instance.address))

    def keep_reachable(self, *, unused_for: float = 60.0) -> None:
        """Open the forwarded ports of all running instances, which a tunnel loses when it restarts. Close those that no
        instance has used for `unused_for` seconds."""
        self.endpoint.keep(self._containers.published(), unused_for)

    def copy_from(self, other: DockerRuntime, artifact: ArtifactRef, progress: Progress) -> None:
        """Copy an image that no registry has from another Engine, streamed through this process. Its digest is verified
        here. Raises `Refused` if the other Engine no longer has it."""
        self.images.copy_from(other.images, artifact, progress)

    def ensure_stopped(self, name: str, *, grace: float = 10.0) -> None:
        """See `Runtime.ensure_stopped`."""
        self._containers.ensure_stopped(name, grace=grace)

    def ensure_removed(self, name: str, *, grace: float = 10.0) -> None:
        """See `Runtime.ensure_removed`."""
        self._containers.ensure_removed(name, grace=grace)

    def output(
        self, name: str, *, tail: int = 200, follow: bool = False, progress: Progress | None = None
    ) -> Iterator[OutputLine]:
        """See `Runtime.output`."""
        check = (progress or NullProgress()).check
        return output.read(self.daemon, self.names.container(name), tail=tail, follow=follow, check=check)

    def listens_elsewhere(self, name: str) -> str:
        """See `Runtime.listens_elsewhere`."""
        return "" if is_ssh(self.options.host) else self._containers.listens_elsewhere(name)

    def usages(self, names: Collection[str]) -> Mapping[str, Usage]:
        """See `Runtime.usages`."""
        return self._containers.usages(names)

    def written(self, name: str) -> tuple[Written, ...]:
        """See `Runtime.written`."""
        return self._containers.written(name)

    def stored(self, spec: InstanceSpec) -> frozenset[str]:
        """See `Runtime.stored`."""
        return self._containers.stored(spec)

    def ensure_volume_removed(self, volume: str) -> None:
        """See `Runtime.ensure_volume_removed`."""
        self._containers.ensure_volume_removed(volume)

    def homes(self) -> list[str]:
        """See `Runtime.homes`: there are none, because a container's home is removed with it."""
        return []

    def ensure_home_removed(self, placement: str) -> None:
        """See `Runtime.ensure_home_removed`."""

    def artifacts(self) -> list[ArtifactRef]:
        """See `Runtime.artifacts`."""
        return [stored.artifact for stored in self.images.stored()]

    def collect(self, keep: Collection[str], progress: Progress) -> Sequence[str]:
        """See `Runtime.collect`."""
        return self.images.collect(keep, progress)
