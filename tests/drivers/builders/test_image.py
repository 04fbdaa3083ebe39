"""Images built on a real Engine from real folders, run and asked."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from fairway.drivers.builders.contract import BuildLimits, BuildRequest, Built, Checkout, Spec
from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.image import ImageBuilder
from fairway.drivers.runtimes.contract import InstanceSpec, NullProgress
from fairway.drivers.runtimes.docker.runtime import DockerRuntime
from fairway.shared.failures import Cancelled, NeedsPerson, Refused
from tests.services import plainly
from tests.services.docker import Engine
from tests.services.waiting import PATIENCE, eventually

pytestmark = pytest.mark.docker
EXAMPLES = Path(__file__).parents[3] / "examples"


class Log:
    """A `Progress` that keeps the lines, and asks for a stop once `stop_at` was printed."""

    def __init__(self, stop_at: str = "") -> None:
        self.lines: list[str] = []
        self._stop_at = stop_at

    def line(self, text: str, *, stream: str = "stdout") -> None:
        self.lines.append(text)

    def check(self) -> None:
        if self._stop_at and any(self._stop_at in line for line in self.lines):
            raise Cancelled

    def has(self, text: str) -> bool:
        return any(text in line for line in self.lines)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def options(docker_engine: Engine, docker_base: str) -> dict[str, object]:
    """The Engine, with base images that need no Docker Fanout, and builds that reach the package registries as we do."""
    return {
        "host": docker_engine.host,
        "python_image": docker_base,
        "node_image": docker_base,
        "build_network": "host",
    }


@pytest.fixture(scope="module")
def builder(options: dict[str, object], data: Path) -> Iterator[ImageBuilder]:
    with ImageBuilder(options, data) as builder:
        yield builder


@pytest.fixture(scope="module")
def runtime(options: dict[str, object], data: Path) -> Iterator[DockerRuntime]:
    runtime = DockerRuntime.open(options, data=data)
    yield runtime
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=1)
    runtime.close()


def checkout(folder: Path) -> Checkout:
    """A checkout of a folder as it is now."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            total.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return Checkout(folder, total.hexdigest())


def write(folder: Path, **files: str) -> Path:
    """Files in a folder; ``__`` in a name stands for a dot, ``_in_`` for a slash."""
    for name, text in files.items():
        path = folder / name.replace("__", ".").replace("_in_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def serve(runtime: DockerRuntime, built: Built, spec: Spec, name: str) -> str:
    """Start what was built; what it answers at its health path or ``/``."""
    wanted = InstanceSpec(f"{name}.test", "d1", 0, built.artifact, port=spec.port, environment=spec.environment)
    instance = runtime.ensure_started(wanted, NullProgress())
    assert instance.digest == built.artifact.digest

    def answer() -> httpx.Response | None:
        with suppress(httpx.TransportError):
            return plainly.get(f"http://{instance.address}/", timeout=PATIENCE)
        return None

    text = eventually(answer, f"{name} answers").text
    runtime.ensure_removed(instance.name, grace=2)
    return text


# one per way to install; all six are built, and looked at closer, in tests/examples/test_images.py
@pytest.mark.parametrize("example", ["flask", "fastapi", "express", "static"])
def test_an_example_is_detected_built_and_answers(
    builder: ImageBuilder, runtime: DockerRuntime, tmp_path: Path, example: str
) -> None:
    folder = Path(shutil.copytree(EXAMPLES / example, tmp_path / example))
    spec = detect(folder).spec
    assert spec is not None
    log = Log()
    built = builder.build(BuildRequest(example, checkout(folder), spec), log)
    assert built.builder == "classic builder"
    assert log.has("classic builder")
    assert built.artifact.digest.startswith("sha256:")
    assert built.size_bytes > 0
    assert built.artifact in runtime.artifacts()
    assert "<html" in serve(runtime, built, spec, example).lower()


def test_a_dockerfile_is_built_as_it_stands(
    builder: ImageBuilder, runtime: DockerRuntime, docker_base: str, tmp_path: Path
) -> None:
    write(
        tmp_path,
        Dockerfile=f'FROM {docker_base}\nARG WORD=none\nRUN echo "word is $WORD" > /index.html\nWORKDIR /\n'
        'CMD ["python3", "-m", "http.server", "8080"]\n',
    )
    spec = Spec(kind="dockerfile", install={"args": {"WORD": "given"}})
    log = Log()
    built = builder.build(BuildRequest("own", checkout(tmp_path), spec), log)
    assert log.has("Step 1/")
    assert serve(runtime, built, spec, "own") == "word is given\n"


def test_the_same_source_and_spec_adopt_the_image(builder: ImageBuilder, docker_base: str, tmp_path: Path) -> None:
    write(tmp_path, Dockerfile=f"FROM {docker_base}\nRUN date +%N > /made-at\n")
    request = BuildRequest("same", checkout(tmp_path), Spec(kind="dockerfile"))
    first, log = builder.build(request, NullProgress()), Log()
    again = builder.build(request, log)
    assert again.artifact == first.artifact
    assert again.builder == "adopted"
    assert log.has("used again")
    write(tmp_path, Dockerfile=f"FROM {docker_base}\nRUN date +%N > /made-another-time\n")
    assert builder.build(BuildRequest("same", checkout(tmp_path), Spec(kind="dockerfile")), NullProgress()) != first


def test_a_changed_source_installs_nothing_again(builder: ImageBuilder, tmp_path: Path) -> None:
    write(tmp_path, requirements__txt="markupsafe==3.0.3\n", app__py="print('one')\n")
    spec = Spec(kind="python", command=("python", "app.py"), install={"from": "requirements.txt"})
    builder.build(BuildRequest("layers", checkout(tmp_path), spec), NullProgress())
    write(tmp_path, app__py="print('two')\n")
    log = Log()
    builder.build(BuildRequest("layers", checkout(tmp_path), spec), log)
    steps = "\n".join(log.lines).split("Step ")
    install = next(step for step in steps if "requirements.txt" in step and "RUN" in step)
    assert "Using cache" in install
    copied = next(step for step in steps if "COPY" in step and '"."' in step)
    assert "Using cache" not in copied


def test_nothing_from_outside_and_nothing_ignored_enters_the_image(
    builder: ImageBuilder, runtime: DockerRuntime, docker_base: str, tmp_path: Path
) -> None:
    secret = write(tmp_path / "elsewhere", secret="do-not-leak") / "secret"
    folder = write(tmp_path / "site", index__html="hello", notes__tmp="x", __dockerignore="*.tmp\n", deep_in_a__txt="a")
    (folder / "leak").symlink_to(secret)
    (folder / "folder-leak").symlink_to(secret.parent)
    write(folder, Dockerfile=f'FROM {docker_base}\nWORKDIR /x\nCOPY . .\nCMD ["find", ".", "-printf", "%p %y %l\\n"]\n')
    built = builder.build(BuildRequest("context", checkout(folder), Spec(kind="dockerfile")), NullProgress())
    instance = runtime.ensure_started(InstanceSpec("context.test", "d1", 0, built.artifact), NullProgress())
    seen = eventually(lambda: lines if len(lines := [line.text for line in runtime.output(instance.name)]) >= 6 else None)
    assert f"./leak l {secret}" in seen
    assert f"./folder-leak l {secret.parent}" in seen
    assert "./deep/a.txt f " in seen
    assert not any("secret f" in line or "notes.tmp" in line for line in seen)


def test_a_root_that_leads_outside_is_refused(builder: ImageBuilder, tmp_path: Path) -> None:
    write(tmp_path / "outside", Dockerfile="FROM scratch\n")
    folder = write(tmp_path / "source", readme="x")
    (folder / "link").symlink_to(tmp_path / "outside")
    for root in ("link", "../outside"):
        with pytest.raises(Refused, match="outside"):
            builder.build(BuildRequest("out", checkout(folder), Spec(kind="dockerfile", root=root)), NullProgress())


def test_a_failing_step_is_refused_with_what_it_printed(builder: ImageBuilder, docker_base: str, tmp_path: Path) -> None:
    write(tmp_path, Dockerfile=f"FROM {docker_base}\nRUN echo the reason is this && exit 7\n")
    with pytest.raises(Refused, match="code 7") as refused:
        builder.build(BuildRequest("bad", checkout(tmp_path), Spec(kind="dockerfile")), NullProgress())
    assert "the reason is this" in refused.value.detail


def test_a_missing_dockerfile_is_refused_by_name(builder: ImageBuilder, tmp_path: Path) -> None:
    write(tmp_path, readme="x")
    spec = Spec(kind="dockerfile", install={"dockerfile": "docker/Dockerfile"})
    with pytest.raises(Refused, match="docker/Dockerfile"):
        builder.build(BuildRequest("none", checkout(tmp_path), spec), NullProgress())


def test_buildkit_syntax_says_what_to_install(builder: ImageBuilder, docker_base: str, tmp_path: Path) -> None:
    write(tmp_path, Dockerfile=f"FROM {docker_base}\nRUN --mount=type=cache,target=/c true\n")
    with pytest.raises(NeedsPerson, match="buildx"):
        builder.build(BuildRequest("mount", checkout(tmp_path), Spec(kind="dockerfile")), NullProgress())


def running(engine: Engine) -> list[str]:
    with engine.client() as client:
        return [str(container["Command"]) for container in client.containers()]


def gone(engine: Engine, command: str) -> bool:
    return eventually(lambda: not any(command in one for one in running(engine)), f"{command} is gone")


def test_a_cancelled_build_really_stops(
    builder: ImageBuilder, docker_engine: Engine, docker_base: str, tmp_path: Path
) -> None:
    write(tmp_path, Dockerfile=f"FROM {docker_base}\nRUN echo begun && sleep 611\n")
    with pytest.raises(Cancelled):
        builder.build(BuildRequest("long", checkout(tmp_path), Spec(kind="dockerfile")), Log(stop_at="begun"))
    assert gone(docker_engine, "sleep 611")


def test_a_build_past_its_limit_is_stopped(
    builder: ImageBuilder, docker_engine: Engine, docker_base: str, tmp_path: Path
) -> None:
    write(tmp_path, Dockerfile=f"FROM {docker_base}\nRUN sleep 612\n")
    request = BuildRequest("slow", checkout(tmp_path), Spec(kind="dockerfile"), BuildLimits(seconds=2))
    with pytest.raises(Refused, match="limit of 2 seconds"):
        builder.build(request, NullProgress())
    assert gone(docker_engine, "sleep 612")


def test_a_build_gets_no_more_memory_than_allowed(builder: ImageBuilder, docker_base: str, tmp_path: Path) -> None:
    write(tmp_path, Dockerfile=f'FROM {docker_base}\nRUN ["python3", "-c", "x = bytearray(300 * 1024 * 1024)"]\n')
    limits = BuildLimits(memory_bytes=64 * 1024 * 1024)
    with pytest.raises(Refused, match="64 MiB"):
        builder.build(BuildRequest("fat", checkout(tmp_path), Spec(kind="dockerfile"), limits), NullProgress())
