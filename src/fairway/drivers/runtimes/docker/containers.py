"""Instances as containers: creates or adopts, starts, stops, removes and inspects them."""

from __future__ import annotations

import json
import math
import posixpath
import tarfile
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from docker import errors

from fairway.drivers.diagnosis import listening
from fairway.drivers.runtimes.contract import Instance, InstanceSpec, InstanceState, Progress, Usage, Written
from fairway.drivers.runtimes.docker import beyond, failures, files, holding, leftovers, output, plan, readback
from fairway.drivers.runtimes.docker.commands import Files
from fairway.drivers.runtimes.docker.daemon import Daemon, labels_of
from fairway.drivers.runtimes.docker.images import Images, short
from fairway.drivers.runtimes.docker.networks import Networks
from fairway.shared.failures import Failure, Refused, Retry

ALL: Final = 2**31 - 1  # lines
READ_AT_ONCE: Final = 50  # containers whose usage is read at the same time: an Engine answers them once a second
START_ATTEMPTS: Final = 20
LOOK_AGAIN_SECONDS: Final = 0.1
LOOK_AGAIN: Final = threading.Event()  # never set; used to pause
EMBEDDED_DNS: Final = "127.0.0.11"  # the Engine's own name server, which listens in each container's network
_UP = ("running", "restarting", "paused")


class _Exists(Retry):
    """Another worker created the container first."""


class Containers:
    """The instances of one data directory on one Engine."""

    def __init__(
        self,
        daemon: Daemon,
        names: plan.Names,
        images: Images,
        ports: range,
        publish: str = "127.0.0.1",
        *,
        holds: Path,
    ) -> None:
        self._holds = holds
        self._daemon = daemon
        self._names = names
        self._images = images
        self._networks = Networks(daemon, names)
        self._ports = ports
        self._publish = publish

    def ensure_started(self, spec: InstanceSpec, progress: Progress) -> Instance:
        """Create and start the instance, or adopt it; see `Runtime.ensure_started`."""
        progress.check()
        image = self._image_of(spec)
        self._networks.ensure(spec.placement)
        self._ensure_volumes(spec)
        taken: set[int] = set()
        for _ in range(START_ATTEMPTS):
            progress.check()
            container = self._adopt(spec) or self._create(spec, image, taken)
            if spec.files and container and container["State"]["Status"] == "created":
                files.ensure(self._daemon, container, spec.files, progress)
            if self._start_alone(spec, container, taken, progress):
                self._check_command(spec, image)
                return self._read_started(spec, image)
        raise Retry(f"“{spec.name}” could not be started: its ports or its network were taken away each time.")

    def _image_of(self, spec: InstanceSpec) -> Mapping[str, Any]:
        image = self._images.find(spec.artifact)
        if image is None:
            raise Refused(f"The image {short(spec.artifact.digest)} is not on this host; distribute it first.")
        return image

    def _adopt(self, spec: InstanceSpec) -> Mapping[str, Any] | None:
        """The container of that name if it matches the spec. One that does not match (left by a failed attempt with another
        configuration) is removed, because a name must stand for one configuration."""
        container = self._inspect(spec.name)
        if container is None:
            return None
        is_bare = spec.files and container["State"]["Status"] == "created"  # it is unknown which of its files it received
        if labels_of(container).get(plan.SPEC) == plan.fingerprint(spec) and not is_bare:
            return container
        self._delete(container["Id"])
        return None

    def _create(self, spec: InstanceSpec, image: Mapping[str, Any], taken: set[int]) -> Mapping[str, Any]:
        choices = plan.port_choices(spec.name, self._names.installation, self._ports, taken | self.published())
        if not choices:
            raise Retry(f"No port between {self._ports[0]} and {self._ports[-1]} is free for “{spec.name}”.")
        body = plan.container_body(spec, self._names, image=image, host_port=choices[0], host_ip=self._publish)
        return self._made(spec, body)

    def _made(self, spec: InstanceSpec, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The container of this name, created here or by another worker at the same moment; empty if it is gone."""
        try:
            with self._daemon.asking("create a container", self._explain(spec)) as api:
                api.create_container_from_config(body, self._names.container(spec.name))
        except _Exists:
            LOOK_AGAIN.wait(LOOK_AGAIN_SECONDS)  # another worker reserved the name; its container will appear soon
        return self._inspect(spec.name) or {}

    def _start_alone(self, spec: InstanceSpec, container: Mapping[str, Any], taken: set[int], progress: Progress) -> bool:
        """Start the container while no other worker starts anything on its volumes and no running container has one of them.
        The Engine lists those, whoever created them. A container that runs already is left alone."""
        with holding.alone(self._holds, [volume.name for volume in spec.volumes], progress.check):
            if container and container["State"]["Status"] not in _UP:
                self._refuse_if_held(spec, container["Id"])
            return self._start(spec, container, taken)

    def _refuse_if_held(self, spec: InstanceSpec, container_id: str) -> None:
        for volume in spec.volumes:
            wanted = {"volume": [self._names.volume(volume.name)]}
            with self._daemon.asking("list containers") as api:
                found = [container for container in api.containers(filters=wanted) if container["Id"] != container_id]
            found = [container for container in found if not plan.is_beside(spec, labels_of(container))]
            if found:
                who = labels_of(found[0]).get(plan.NAME) or found[0]["Names"][0].lstrip("/")
                raise Retry(f"The volume “{volume.name}” is still held by {who}; nothing else is started on it.")

    def _start(self, spec: InstanceSpec, container: Mapping[str, Any], taken: set[int]) -> bool:
        """Start the container. Returns False if it must be inspected or created again."""
        if not container:
            return False
        if container["State"]["Status"] in _UP:
            return True
        try:
            with self._daemon.asking("start a container", _as_it_is) as api:
                api.start(container["Id"])
        except Failure as failure:
            if failures.has_changed(failure.detail):
                # A container refers to its network by an id, which is never used again.
                if failures.has_lost_its_network(failure.detail):
                    self._delete(container["Id"])
                self._networks.ensure(spec.placement)
                return False
            self._delete(container["Id"])
            if not failures.says(failure.detail, failures.PORT_TAKEN):
                raise failures.start_failure(spec.name, failure.detail, program=_program(spec)) from failure
            taken.update(_host_ports(container))
            return False
        return True

    def _check_command(self, spec: InstanceSpec, image: Mapping[str, Any]) -> None:
        """Refuse a command that the image does not have or that cannot be executed. This is checked after the start, while
        the application boots."""
        if not spec.command or (image.get("Config") or {}).get("Entrypoint"):
            return
        first = plan.steps_in(spec, image)[0]
        program = first.argv[0]
        looked = Files.of(self._daemon, self._names.container(spec.name), image, {**spec.environment, **first.variables})
        looked = replace(looked, folder=posixpath.join(looked.folder, first.folder))
        if not looked.found(program):
            failure = failures.command_missing(spec.name, program)
        elif why := looked.complaint(program):
            failure = failures.command_refused(program, why)
        else:
            return
        self.ensure_removed(spec.name, grace=0)
        raise failure

    def _read_started(self, spec: InstanceSpec, image: Mapping[str, Any]) -> Instance:
        container = self._inspect(spec.name)
        if container is None:
            raise Retry(f"“{spec.name}” was removed right after its start.")
        return readback.instance(container, image)

    def run_once(self, spec: InstanceSpec, progress: Progress) -> int:
        """See `Runtime.run_once`."""
        progress.check()
        image = self._image_of(spec)
        self.ensure_removed(spec.name, grace=spec.stop_grace)  # left by a worker that died
        self._networks.ensure(spec.placement)
        self._ensure_volumes(spec)
        container = self._made(spec, plan.once_body(spec, self._names, image=image))
        if not container:
            raise Retry(f"“{spec.name}” was removed before its start; it is run again.")
        try:
            self._check_command(spec, image)
            files.ensure(self._daemon, container, spec.files, progress)
            if not self._start_alone(spec, container, set(), progress):
                raise Retry(f"“{spec.name}” could not be started; it is run again.")
            return self._to_its_end(spec, container["Id"], progress)
        finally:
            self._end(container["Id"], spec)

    def _to_its_end(self, spec: InstanceSpec, container_id: str, progress: Progress) -> int:
        """Pass on the program's output until it has ended, and return its exit code."""
        for line in output.read(self._daemon, container_id, tail=ALL, follow=True, check=progress.check, once=True):
            progress.line(line.text, stream=line.stream)
        try:
            with self._daemon.asking("look at a container") as api:
                return int(api.inspect_container(container_id)["State"]["ExitCode"])
        except errors.NotFound:
            raise Retry(f"“{spec.name}” was ended from outside; it is run again.") from None

    def _end(self, container_id: str, spec: InstanceSpec) -> None:
        """End the container by its id, because another worker may run its own under the same name."""
        with suppress(errors.NotFound), self._daemon.asking("stop a container") as api:
            api.stop(container_id, timeout=math.ceil(spec.stop_grace))
        self._delete(container_id)
        if not self._list(spec.placement):
            self._networks.ensure_removed_if_empty(spec.placement)

    def instance(self, name: str) -> Instance | None:
        """See `Runtime.instance`."""
        container = self._inspect(name)
        if container is None:
            return None
        seen = readback.instance(container, self._images.inspect(container["Image"]))
        if seen.state is not InstanceState.RUNNING:
            return seen
        last = beyond.last_exit_code(self._daemon, container) if seen.restarts else None
        return replace(seen, doing=beyond.running_first(self._daemon, container), exit_code=last)

    def instances(self, placement: str | None = None) -> list[Instance]:
        """See `Runtime.instances`. Sorted by name."""
        found = []
        images: dict[str, Mapping[str, Any] | None] = {}
        for summary in self._list(placement):
            if plan.ONCE in labels_of(summary):
                continue
            container = self._inspect(labels_of(summary)[plan.NAME])
            if container is None:  # it was removed after it was listed
                continue
            image_id = container["Image"]
            if image_id not in images:
                images[image_id] = self._images.inspect(image_id)
            found.append(readback.instance(container, images[image_id]))
        return sorted(found, key=lambda instance: instance.name)

    def ensure_stopped(self, name: str, *, grace: float) -> None:
        """See `Runtime.ensure_stopped`. The Engine counts whole seconds, so `grace` is rounded up."""
        with suppress(errors.NotFound), self._daemon.asking("stop a container") as api:
            api.stop(self._names.container(name), timeout=math.ceil(grace))

    def ensure_removed(self, name: str, *, grace: float) -> None:
        """See `Runtime.ensure_removed`."""
        container = self._inspect(name)
        if container is None:
            return
        self.ensure_stopped(name, grace=grace)
        self._delete(container["Id"])
        placement = labels_of(container)[plan.PLACEMENT]
        # The Engine would allow removing a network that stopped containers still need, so they are counted here.
        if not self._list(placement):
            self._networks.ensure_removed_if_empty(placement)

    def listens_elsewhere(self, name: str) -> str:
        """See `Runtime.listens_elsewhere`. Only for an Engine on this machine."""
        container = self._inspect(name)
        if container is None or not (pid := int(container["State"].get("Pid") or 0)):
            return ""
        port = labels_of(container)[plan.PORT]
        if not port:  # a service without a port
            return ""
        addresses = [str(entry.get("IPAddress") or "") for entry in container["NetworkSettings"]["Networks"].values()]
        if not listening.has_address(pid, addresses):  # the pid is another machine's, or by now another process's
            return ""
        found = listening.of_network(pid, listening.beside(pid))
        own = [entry for entry in found if not entry.address.startswith(EMBEDDED_DNS)]
        return listening.complaint(own, int(port), is_alone=True)

    def usages(self, names: Collection[str]) -> dict[str, Usage]:
        """See `Runtime.usages`. An Engine takes up to a second for the figures of one container, most of it waiting, so
        several are asked for at once."""
        if not names:
            return {}
        with ThreadPoolExecutor(max_workers=min(len(names), READ_AT_ONCE), thread_name_prefix="usages") as pool:
            return {name: usage for name, usage in zip(names, pool.map(self._usage, names), strict=True) if usage}

    def _usage(self, name: str) -> Usage | None:
        """What one instance uses; None if it does not run, or the Engine does not say."""
        try:
            container = self._inspect(name)
            if container is None or readback.instance_state(container["State"]) is not InstanceState.RUNNING:
                return None
            with self._daemon.asking("read a container's usage") as api:
                stats = api.stats(container["Id"], stream=False, one_shot=True)
        except (Failure, errors.NotFound):
            return None
        return readback.usage(stats, container)

    def written(self, name: str) -> tuple[Written, ...]:
        """See `Runtime.written`."""
        container = self._inspect(name)
        if container is None:
            return ()
        try:
            with self._daemon.asking("compare a container with its image") as api:
                changes = api.diff(container["Id"]) or []
        except errors.NotFound:
            return ()
        folder = container["Config"].get("WorkingDir") or "/"
        files_given = json.loads(labels_of(container).get(plan.FILES) or "[]")
        given = [posixpath.join(folder, path) for path in files_given]
        given += [mount["Destination"] for mount in container.get("Mounts") or ()]
        return leftovers.written(changes, folder=folder, given=given)

    def stored(self, spec: InstanceSpec) -> frozenset[str]:
        """See `Runtime.stored`. The volume is read through a container that is never started, because the Engine's
        description of a volume does not include its content."""
        image = self._image_of(spec)
        existing = [volume.name for volume in spec.volumes if self._has_volume(volume.name)]
        return frozenset(name for name in existing if self._has_data(name, image["Id"]))

    def _has_volume(self, volume: str) -> bool:
        try:
            with self._daemon.asking("look at a volume") as api:
                return bool(api.inspect_volume(self._names.volume(volume)))
        except errors.NotFound:
            return False

    def _has_data(self, volume: str, image: str) -> bool:
        looker = self._names.looker(volume)
        self._delete(looker)  # left by a worker that died
        with self._daemon.asking("create a container") as api:
            api.create_container_from_config(plan.looker_body(self._names.volume(volume), image), looker)
        try:
            with self._daemon.asking("look into a volume") as api:
                url = f"{api.base_url}/v{api.api_version}/containers/{looker}/archive"
                plain = {"Accept-Encoding": "identity"}
                answer = api.get(url, params={"path": plan.LOOKED_AT}, headers=plain, stream=True, timeout=api.timeout)
                with closing(answer):
                    answer.raise_for_status()
                    # The first entry is the folder itself.
                    return len(list(islice(tarfile.open(fileobj=answer.raw, mode="r|"), 2))) > 1
        finally:
            self._delete(looker)

    def ensure_volume_removed(self, volume: str) -> None:
        """See `Runtime.ensure_volume_removed`. Raises `Refused` while an instance still has the volume."""
        self._delete(self._names.looker(volume))
        try:
            with suppress(errors.NotFound), self._daemon.asking("remove a volume") as api:
                api.remove_volume(self._names.volume(volume))
        except Failure as failure:
            if "in use" in failure.detail:
                raise Refused(f"The volume “{volume}” is still used by an instance; delete that first.") from failure
            raise

    def _ensure_volumes(self, spec: InstanceSpec) -> None:
        for volume in spec.volumes:
            labels = self._names.labels(**{plan.PLACEMENT: spec.placement, plan.VOLUME: volume.name})
            with self._daemon.asking("create a volume") as api:
                api.create_volume(self._names.volume(volume.name), labels=labels)

    def _inspect(self, name: str) -> Mapping[str, Any] | None:
        try:
            with self._daemon.asking("look at a container") as api:
                container = dict(api.inspect_container(self._names.container(name)))
        except errors.NotFound:
            return None
        return container if labels_of(container).get(plan.DATA) == self._names.installation else None

    def _list(self, placement: str | None = None) -> list[Mapping[str, Any]]:
        """Those that we have made. A container that somebody else made of one of our images has that image's labels, too,
        but no name of ours."""
        wanted = {plan.PLACEMENT: placement} if placement is not None else {}
        with self._daemon.asking("list containers") as api:
            listed = api.containers(all=True, filters=self._names.filter(**wanted))
        return [container for container in listed if plan.NAME in labels_of(container)]

    def published(self) -> set[int]:
        """The ports that our running instances have. A stopped one's port is checked when it is started."""
        ports = [port for container in self._list() for port in container.get("Ports") or ()]
        return {port["PublicPort"] for port in ports if "PublicPort" in port}

    def _delete(self, container_id: str) -> None:
        """Remove a container, but never its volumes. The Engine may already be removing it."""
        try:
            with suppress(errors.NotFound), self._daemon.asking("remove a container") as api:
                api.remove_container(container_id, force=True, v=False)
        except Retry as failure:
            if "already in progress" not in failure.detail:
                raise

    @staticmethod
    def _explain(spec: InstanceSpec) -> Any:
        return lambda text, status: (
            _Exists(f"“{spec.name}” exists already.", detail=text)
            if status == 409
            else failures.start_failure(spec.name, text, program=_program(spec))
        )


def _as_it_is(text: str, status: int | None) -> Failure:
    return failures.engine_failure("start a container", text, status=status)


def _program(spec: InstanceSpec) -> str:
    return spec.command[0] if spec.command else "of the image"


def _host_ports(container: Mapping[str, Any]) -> set[int]:
    bindings = container["HostConfig"].get("PortBindings") or {}
    return {int(bound["HostPort"]) for each in bindings.values() for bound in each}
