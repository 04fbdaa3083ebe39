"""The services of a compose file as ways to run a source: services that are built from it, and services that run an
image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from fairway.drivers.builders.contract import Finding, Spec
from fairway.drivers.builders.detection.compose import FILES, ComposeBuild, ComposeFile, ComposeService, read_compose
from fairway.drivers.builders.detection.compose_files import Mounted
from fairway.drivers.builders.detection.compose_values import env_file, required_variables
from fairway.drivers.builders.detection.dockerfile import MAIN, exposed
from fairway.drivers.builders.detection.languages import detect_languages
from fairway.drivers.builders.detection.recipe import Recipe, Undetectable, version_of
from fairway.drivers.builders.detection.source_folder import SourceFolder
from fairway.drivers.builders.detection.static import detect_static
from fairway.drivers.builders.services import MOST_SERVICES, RESERVED, parse_name
from fairway.drivers.builders.spec_rules import LARGEST_FILES, MOST_FILES
from fairway.shared.names import image_repository, slug_from

# Images of services that people run beside an application. They do not answer visitors over HTTP, so they are never taken
# for the application. What databases store is missed when it is gone, unlike what caches and brokers hold.
DATABASES = frozenset(
    {"postgres", "postgresql", "postgis", "pgvector", "timescaledb", "mysql", "mariadb", "percona", "mssql", "oracle"}
    | {"mongo", "mongodb", "couchdb", "cassandra", "clickhouse", "influxdb", "neo4j", "cockroach", "minio"}
)
BACKING = DATABASES | {
    *("redis", "redis-stack", "valkey", "keydb", "dragonfly", "memcached", "rabbitmq", "kafka", "zookeeper", "nats"),
    *("mosquitto", "elasticsearch", "opensearch", "etcd", "consul", "dynamodb-local", "localstack", "mailhog", "mailpit"),
    *("selenium",),
}
# How to ask these images whether they are ready, for compose files that do not say it; an image that starts for the first
# time takes seconds until it does. All ask over TCP where the image serves only its own set-up until then. Source: the
# documentation of each official image on Docker Hub.
USUAL_TESTS = {
    "postgres": ("pg_isready", "-q", "-h", "127.0.0.1"),
    "mysql": ("mysqladmin", "ping", "--silent", "-h", "127.0.0.1"),
    "mariadb": ("healthcheck.sh", "--connect", "--innodb_initialized"),
    "redis": ("redis-cli", "ping"),
    "valkey": ("valkey-cli", "ping"),
}
Workers = Mapping[str, list[ComposeService]]


def built_services(source: SourceFolder) -> Iterator[Recipe]:
    """The services that are built from this source. Those that open a port come first."""
    file, compose = _read(source)
    workers = _workers(compose)
    for service in _best_first(compose):
        if service.build is not None:
            recipe = _overlaid(_with_files(source, file, _built(source, file, service, service.build), service), service)
            recipe = _with_copies(source, file, recipe, service)
            yield _with_other_services(source, recipe, file, compose, service, workers)
    _raise_wrong(file, compose, built=True)


def image_services(source: SourceFolder) -> Iterator[Recipe]:
    """The services that run an image from a registry. Databases and the like get a problem, so that they are not deployed
    by default."""
    file, compose = _read(source)
    workers = _workers(compose)
    for service in _best_first(compose):
        if service.build is not None:
            continue
        spec = Spec(kind="image", framework="Image", install={"image": service.image})
        recipe = Recipe(spec).noting(f"The image {service.image}", file)
        recipe = _with_copies(source, file, _overlaid(_with_files(source, file, recipe, service), service), service)
        if is_backing(service.image):
            recipe = recipe.blocked(
                f"{file} runs {service.image} only, a service that an application uses and no application that answers "
                "visitors; choose it all the same, or add the application beside it."
            )
        yield recipe if recipe.problem else _with_other_services(source, recipe, file, compose, service, workers)
    if not any(is_application(service) for service in compose.services):  # else its remarks say what is not started, and why
        _raise_wrong(file, compose, built=False)


def _best_first(compose: ComposeFile) -> list[ComposeService]:
    """The services in the order in which they may be the application: those that always run and open a port come first."""
    return sorted(compose.services, key=lambda service: (service.is_optional or service.is_once, service.port is None))


def is_application(service: ComposeService) -> bool:
    """Whether visitors may be meant to reach the service."""
    return service.build is not None or not is_backing(service.image)


def is_backing(image: str) -> bool:
    """Whether an image, by its name, is a database, a cache or another service that applications use."""
    return _name_of(image) in BACKING


def is_database(image: str) -> bool:
    """Whether an image, by its name, is a database, whose data is missed when it is gone."""
    return _name_of(image) in DATABASES


def _name_of(image: str) -> str:
    return image_repository(image).rpartition("/")[2].lower()


def _read(source: SourceFolder) -> tuple[str, ComposeFile]:
    file = source.first(*FILES)
    if file is None:
        return "", ComposeFile((), {}, {})
    return file, source.once("compose", lambda: read_compose(source.text(file), file=file))


def _raise_wrong(file: str, compose: ComposeFile, *, built: bool) -> None:
    """Raise `Undetectable` for services that cannot be used. If there are several services, the sentence says that first."""
    wrong = [error for name, error in compose.wrong.items() if bool(compose.images.get(name)) is not built]
    if not wrong:
        return
    sentence = f"{wrong[0].field}: {wrong[0].sentence}"
    if len(compose.images) > 1:
        names = ", ".join(compose.images)
        sentence = f"{file} has {len(compose.images)} services ({names}) and cannot be used as it is: {sentence}"
    raise Undetectable(sentence, file)


def _with_other_services(
    source: SourceFolder, recipe: Recipe, file: str, compose: ComposeFile, service: ComposeService, workers: Workers
) -> Recipe:
    """The recipe with the service's name, the services that run beside it, and a remark about those that are not started."""
    recipe = replace(recipe, findings=(*recipe.findings, Finding(f"The service “{service.name}”", file)))
    beside = {worker.name: worker for worker in workers.get(_program(service), ()) if worker.name != service.name}
    beside = {} if service.port is None else dict(list(beside.items())[:MOST_SERVICES])
    if beside:
        services = {parse_name(slug_from(name)): _differs(service, worker) for name, worker in beside.items()}
        requires = tuple(
            dict.fromkeys([*recipe.spec.requires, *(name for worker in beside.values() for name in worker.requires)])
        )
        recipe = recipe.changed(services=services, requires=requires).noting(f"Runs beside it: {', '.join(beside)}", file)
    recipe, first = _with_release(recipe, file, compose, service)
    taken = (service.name, first, *beside)
    recipe, backing = _with_backing(source, recipe, file, compose, taken)
    waits = ("depends_on",) if set(service.depends_on) - set(backing) else ()
    if unused := (*service.unused, *waits):
        recipe = recipe.remarking(f"Not used here: {', '.join(unused)}", file)
    left = {name: image for name, image in compose.images.items() if name not in (*taken, *backing)}
    others = [f"{name} ({image})" if image else name for name, image in left.items()]
    if others:
        recipe = recipe.remarking(f"Not started: {', '.join(others)}; give their addresses as variables", file)
    for name in left:
        if (error := compose.wrong.get(name)) and compose.images[name]:
            recipe = recipe.remarking(f"Why “{name}” is not started: {error.field}: {error.sentence}", file)
    return recipe


def _with_backing(
    source: SourceFolder, recipe: Recipe, file: str, compose: ComposeFile, taken: Sequence[str]
) -> tuple[Recipe, list[str]]:
    """(recipe, names): the recipe with the other services that run an image, and their names in the file. Those with a
    profile are left out, as ``docker compose up`` leaves them out, and those that end by themselves."""
    found = {one.name: one for one in compose.beside if not (one.is_optional or one.is_once or one.name in taken)}
    names = {name: slug for name in found if (slug := slug_from(name)) not in (*RESERVED, *recipe.spec.services)}
    own = {name: _own_part(source, file, found[name]) for name in names}
    for name in [name for name in names if own[name].problem]:
        recipe = recipe.remarking(f"Why “{name}” is not started: {own[name].problem}", file)
        del names[name]
    names = dict(list(names.items())[: MOST_SERVICES - len(recipe.spec.services)])
    if not names:
        return recipe, []
    services = dict(recipe.spec.services)
    for name, slug in names.items():
        recipe = replace(recipe, remarks=(*recipe.remarks, *own[name].remarks))
        services[parse_name(slug)] = _of_its_own(found[name], own[name].spec, names)
    told = ", ".join(f"{name} ({found[name].image})" for name in names)
    return recipe.changed(services=services).noting(f"Started with it: {told}", file), list(names)


def _own_part(source: SourceFolder, file: str, service: ComposeService) -> Recipe:
    """What a service with an image takes from files of the source."""
    return _with_copies(source, file, _with_files(source, file, Recipe(Spec(kind="image")), service), service)


def _of_its_own(service: ComposeService, own: Spec, names: Mapping[str, str]) -> dict[str, Any]:
    """A service with an image, in the form of a spec's ``services``; `own` has what it takes from files of the source."""
    usual = USUAL_TESTS.get(image_repository(service.image).removeprefix("library/"))
    test = usual if service.test is None else service.test
    stated = {
        "image": service.image,
        "command": list(service.command) if service.command else None,
        "hostname": service.name if service.name != names[service.name] else None,
        "environment": {**own.environment, **service.environment} or None,
        "files": dict(own.files) or None,
        "volumes": [list(pair) for pair in service.volumes] or None,
        "depends_on": [names[name] for name in service.depends_on if name in names] or None,
        "health_command": list(test) if test else None,
        "start_seconds": service.start_seconds,
        "memory_bytes": service.memory_bytes,
        "cpus": service.cpus,
        "stop_grace": service.stop_grace,
    }
    return {name: value for name, value in stated.items() if value is not None}


def _with_release(recipe: Recipe, file: str, compose: ComposeFile, service: ComposeService) -> tuple[Recipe, str]:
    """(recipe, name): the recipe with a release command, and the name of the service whose command it is; "" if there is
    none. It is a service that runs the same program and must end before this one starts."""
    before = {one.name: one for one in compose.services if one.name in service.after and one.command}
    found = next((one for one in before.values() if _program(one) == _program(service)), None)
    if found is None:
        return recipe, ""
    return recipe.changed(release=found.command).noting(f"Release command from “{found.name}”", file), found.name


def _workers(compose: ComposeFile) -> Workers:
    """Services that can run beside another one, by their program (`_program`): those with a command of their own and no
    port. A service with a port answers visitors itself."""
    found: dict[str, list[ComposeService]] = defaultdict(list)
    for one in compose.services:
        if one.is_optional or one.is_once:
            continue
        if one.port is None and one.command is not None and slug_from(one.name) not in RESERVED:
            found[_program(one)].append(one)
    return found


def _program(service: ComposeService) -> str:
    """A key that two services share if they are the same program started in different ways: the same build or image, and
    volumes."""
    return repr((service.build, service.image, service.volumes))


def _differs(main: ComposeService, other: ComposeService) -> dict[str, Any]:
    """What a service beside the main one sets, in the form of a spec's ``services``."""
    environment = {name: text for name, text in other.environment.items() if main.environment.get(name) != text}
    stated = {"memory_bytes": other.memory_bytes, "cpus": other.cpus, "stop_grace": other.stop_grace}
    stated |= {"health_command": other.health.get("health_command"), "start_seconds": other.start_seconds}
    values = {name: value for name, value in stated.items() if value is not None}
    return {"command": list(other.command or ()), **({"environment": environment} if environment else {}), **values}


def _built(source: SourceFolder, file: str, service: ComposeService, build: ComposeBuild) -> Recipe:
    """The recipe for what a service builds: its Dockerfile, or the application in its folder."""
    inner = SourceFolder(source.place / build.root)
    if not inner.place.is_relative_to(source.place):
        raise Undetectable(f"{file}: the build folder “{build.root}” leads outside; choose one inside the source.", file)
    dockerfile = build.dockerfile or MAIN
    if inner.has(dockerfile):
        options = {"dockerfile": dockerfile, "target": build.target, "args": build.args}
        install = {key: value for key, value in options.items() if value}
        spec = Spec(kind="dockerfile", framework="Dockerfile", version=version_of(inner), root=build.root, install=install)
        recipe = Recipe(spec).noting(f"Built from {dockerfile}", file)
        return recipe if service.port else exposed(inner, dockerfile, recipe)
    if build.dockerfile or build.target:
        raise Undetectable(f"{file}: there is no {dockerfile} in “{build.root}”; add it or correct “build”.", file)
    for reader in (detect_languages, detect_static):
        for found in reader(inner):
            return found.changed(root=build.root)
    raise Undetectable(f"{file}: “{build.root}” has no Dockerfile and is nothing Fairway knows; add a Dockerfile.", file)


def _with_files(source: SourceFolder, file: str, recipe: Recipe, service: ComposeService) -> Recipe:
    """The recipe with the variables in the service's ``env_file``. A remark names a required file that is not in the
    source, because people keep such files out of Git: its variables must be set on the configuration page. Raises
    `Undetectable` for a file that cannot be read."""
    values: dict[str, str] = {}
    for name, must_exist in service.env_files:
        if not source.has(name):
            if must_exist:
                remark = f"“{name}” is not in the source; set its variables on the configuration page"
                recipe = recipe.remarking(remark, file)
            continue
        try:
            values |= env_file(source.text(name))
            needed = [variable for text in values.values() for variable in required_variables(text)]
        except ValueError as error:
            raise Undetectable(f"{name}: {error}; correct it.", name) from None
        recipe = recipe.changed(requires=(*recipe.spec.requires, *needed)).noting(f"Variables from {name}", file)
    return recipe.changed(environment={**recipe.spec.environment, **values})


def _with_copies(source: SourceFolder, file: str, recipe: Recipe, service: ComposeService) -> Recipe:
    """The recipe with the files of the source that the service mounts. A folder from which its image is built is left out,
    with a remark: it is mounted for development, and the image has it. A path that is no text, too much, or missing blocks
    the recipe."""
    files: dict[str, str] = dict(recipe.spec.files)
    for mounted in service.files:
        if service.build is not None and _is_built_from(service.build.root, mounted.path, source):
            recipe = recipe.remarking(f"Not mounted here: “{mounted.path}”, from which the image is built", file)
            continue
        try:
            files |= _copied(source, mounted)
        except ValueError as error:
            return recipe.blocked(f"{file}: “{mounted.path}” {error}.")
    if len(files) > MOST_FILES or sum(len(text.encode()) for text in files.values()) > LARGEST_FILES:
        limit = f"{MOST_FILES} files and {LARGEST_FILES // 1024} KiB"
        return recipe.blocked(f"{file}: “{service.name}” mounts more than {limit} of the source; build them into an image.")
    return recipe.changed(files=files) if files else recipe


def _is_built_from(root: str, path: str, source: SourceFolder) -> bool:
    return bool(path) and source.has_folder(path) and PurePosixPath(path).is_relative_to(root)


def _copied(source: SourceFolder, mounted: Mounted) -> dict[str, str]:
    """Texts by their path in the container. Raises `ValueError` with the end of a sentence."""
    if not mounted.path:
        return {mounted.target: mounted.text}
    if source.has(mounted.path):
        found = {mounted.target: mounted.path}
    elif source.has_folder(mounted.path):
        names = source.below(mounted.path, most=MOST_FILES + 1)
        found = {f"{mounted.target}/{name}": f"{mounted.path}/{name}" for name in names}
    else:
        raise ValueError("is not in the source; a folder that the service writes to must be a named volume")
    texts = {target: source.text(path) for target, path in found.items()}
    for target, path in found.items():
        if "\0" in texts[target] or (not texts[target] and (source.place / path).stat().st_size):
            raise ValueError(f"has {path}, which is no text or too large; build it into an image")
    return {target: text.replace("$", "$$") for target, text in texts.items()}


def _overlaid(recipe: Recipe, service: ComposeService) -> Recipe:
    """The recipe with everything that the compose service sets."""
    stated = {
        "command": service.command,
        "port": service.port,
        "version": service.version,
        **service.health,
        "start_seconds": service.start_seconds,
        "stop_grace": service.stop_grace,
        "memory_bytes": service.memory_bytes,
        "cpus": service.cpus,
    }
    recipe = recipe.changed(**{name: value for name, value in stated.items() if value not in (None, "")})
    environment = {**recipe.spec.environment, **service.environment}
    needed = [name for name in recipe.spec.requires if name not in service.environment]
    requires = tuple(dict.fromkeys([*service.requires, *needed]))
    return recipe.changed(environment=environment, requires=requires, volumes=service.volumes)
