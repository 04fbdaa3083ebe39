"""The services of a compose file as ways to run a source: those that are built from it, and those that are images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fairway.drivers.builders.contract import Finding, Spec
from fairway.drivers.builders.detection.compose import FILES, ComposeBuild, ComposeFile, ComposeService, read_compose
from fairway.drivers.builders.detection.dockerfile import MAIN, exposed
from fairway.drivers.builders.detection.languages import detect_languages
from fairway.drivers.builders.detection.recipe import Recipe, Undetectable, version_of
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.static import detect_static

# What people run beside an application: it answers no visitors over HTTP, so it is never taken for the application.
BACKING = frozenset(
    {"postgres", "postgresql", "postgis", "pgvector", "timescaledb", "mysql", "mariadb", "percona", "mssql", "oracle"}
    | {"mongo", "mongodb", "redis", "redis-stack", "valkey", "keydb", "dragonfly", "memcached", "couchdb", "cassandra"}
    | {
        "rabbitmq",
        "kafka",
        "zookeeper",
        "nats",
        "mosquitto",
        "elasticsearch",
        "opensearch",
        "clickhouse",
        "influxdb",
        "neo4j",
    }
    | {"etcd", "consul", "cockroach", "dynamodb-local", "localstack", "mailhog", "mailpit", "minio", "selenium"}
)


def built_services(source: SourceFolder) -> Iterator[Recipe]:
    """The services that are built from this source."""
    file, compose = _read(source)
    for service in compose.services:
        if service.build is not None:
            yield _told(_overlaid(_built(source, file, service, service.build), service), file, compose, service.name)
    _raise_wrong(file, compose, built=True)


def image_services(source: SourceFolder) -> Iterator[Recipe]:
    """The services that run an image from a registry. A database or the like is named, never deployed by itself."""
    file, compose = _read(source)
    for service in compose.services:
        if service.build is not None:
            continue
        spec = Spec(kind="image", framework="Image", install={"image": service.image})
        recipe = _overlaid(Recipe(spec).noting(f"The image {service.image}", file), service)
        if is_backing(service.image):
            recipe = recipe.blocked(
                f"{file} runs {service.image} only, a service that an application uses and no application that answers "
                "visitors; choose it all the same, or add the application beside it."
            )
        yield _told(recipe, file, compose, service.name)
    _raise_wrong(file, compose, built=False)


def is_backing(image: str) -> bool:
    """Whether an image is a database, a cache or another service behind an application, by its name."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower() in BACKING


def _read(source: SourceFolder) -> tuple[str, ComposeFile]:
    file = source.first(*FILES)
    if file is None:
        return "", ComposeFile((), {}, {})
    return file, source.once("compose", lambda: read_compose(source.text(file), file=file))


def _raise_wrong(file: str, compose: ComposeFile, *, built: bool) -> None:
    """Say why a service cannot be used; that there are several comes before what is wrong with one of them."""
    wrong = [error for name, error in compose.wrong.items() if bool(compose.images.get(name)) is not built]
    if not wrong:
        return
    sentence = f"{wrong[0].field}: {wrong[0].sentence}"
    if len(compose.images) > 1:
        names = ", ".join(compose.images)
        sentence = f"{file} has {len(compose.images)} services ({names}) and cannot be used as it is: {sentence}"
    raise Undetectable(sentence, file)


def _told(recipe: Recipe, file: str, compose: ComposeFile, name: str) -> Recipe:
    """The recipe with the service's name, and the services beside it that are not started."""
    others = [f"{other} ({image})" if image else other for other, image in compose.images.items() if other != name]
    recipe = replace(recipe, findings=(*recipe.findings, Finding(f"The service “{name}”", file)))
    if not others:
        return recipe
    return recipe.remarking(f"Not started: {', '.join(others)}; give their addresses as variables", file)


def _built(source: SourceFolder, file: str, service: ComposeService, build: ComposeBuild) -> Recipe:
    """The recipe below a service: its Dockerfile, or what its folder is."""
    inner = SourceFolder(source.place / build.root)
    if not inner.place.is_relative_to(source.place):
        raise Undetectable(f"{file}: the build folder “{build.root}” leads outside; choose one inside the source.", file)
    dockerfile = build.dockerfile or MAIN
    if inner.has(dockerfile):
        options = {"dockerfile": dockerfile, "target": build.target, "args": build.args}
        install = {key: value for key, value in options.items() if value}
        spec = Spec(kind="dockerfile", framework="Dockerfile", version=version_of(inner), root=build.root, install=install)
        return exposed(inner, dockerfile, Recipe(spec).noting(f"Built from {dockerfile}", file))
    if build.dockerfile or build.target:
        raise Undetectable(f"{file}: there is no {dockerfile} in “{build.root}”; add it or correct “build”.", file)
    for reader in (detect_languages, detect_static):
        for found in reader(inner):
            return found.changed(root=build.root)
    raise Undetectable(f"{file}: “{build.root}” has no Dockerfile and is nothing Fairway knows; add a Dockerfile.", file)


def _overlaid(recipe: Recipe, service: ComposeService) -> Recipe:
    """The recipe with everything the compose service says on top."""
    stated = {
        "command": service.command,
        "port": service.port,
        "version": service.version,
        "health_path": service.health_path,
        "stop_grace": service.stop_grace,
        "memory_bytes": service.memory_bytes,
        "cpus": service.cpus,
    }
    recipe = recipe.changed(**{name: value for name, value in stated.items() if value not in (None, "")})
    environment = {**recipe.spec.environment, **service.environment}
    return recipe.changed(environment=environment, requires=service.requires, volumes=service.volumes)
