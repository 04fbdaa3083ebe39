"""A Streamlit page that fails is found by running it once, with the real Streamlit; its server answers all the while."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairway.drivers.health import wait_until_ready
from fairway.drivers.runtimes.contract import HealthCheck, InstanceSpec
from fairway.drivers.runtimes.process import ProcessRuntime
from fairway.drivers.runtimes.process.bundle import seal
from fairway.drivers.streamlit import _fields, _first_frame, _messages, refuse_if_its_page_fails
from fairway.shared.failures import Refused
from tests.services.docker_base import cache_folder
from tests.services.sharing import one_at_a_time

from .test_health import Heard

STREAMLIT = "streamlit==1.67.0"
GOOD = "import streamlit as st\ntry:\n    1 / 0\nexcept ZeroDivisionError as error:\n    st.exception(error)\n"
UNSET = "import os\nimport streamlit as st\nst.title('Tides')\nst.write(os.environ['TIDES_URL'])\n"
UNWRITTEN = "import streamlit as st\nst.title('Tides'\n"


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter that has Streamlit, kept between test runs."""
    place = cache_folder() / STREAMLIT.replace("=", "-") / "bin" / "python"
    with one_at_a_time("streamlit"):
        if not (place.parent / "streamlit").exists():
            place.parent.parent.parent.mkdir(parents=True, exist_ok=True)
            for words in (
                ["venv", "-q", "--clear", str(place.parent.parent)],
                ["pip", "install", "-q", "--python", str(place), STREAMLIT],
            ):
                subprocess.run([sys.executable, "-m", "uv", *words], check=True)
    return str(place)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ProcessRuntime]:
    runtime = ProcessRuntime.open({"reads": [str(cache_folder())]}, data=tmp_path / "data")
    yield runtime
    for instance in runtime.instances():
        runtime.ensure_removed(instance.name, grace=0.2)


def opened(runtime: ProcessRuntime, python: str, script: str) -> Heard:
    """Start a page, wait until its server is ready, and open it once."""
    app = runtime.places.bundles / ".draft" / "app"
    app.mkdir(parents=True)
    (app / "app.py").write_text(script)
    options = ["--server.port", "{port}", "--server.address", "{host}", "--server.headless", "true"]
    artifact = seal(app.parent, {"command": [python, "-m", "streamlit", "run", "app.py", *options]})
    heard = Heard()
    one = runtime.ensure_started(InstanceSpec("tides.test", "d1", 0, artifact), heard)
    wait_until_ready(runtime, one.name, HealthCheck(path="/_stcore/health"), heard)
    refuse_if_its_page_fails(runtime, one.name, one.address, heard, host="tides.example")
    return heard


@pytest.mark.parametrize(
    ("script", "why"),
    [(UNSET, "The variable TIDES_URL is missing"), (UNWRITTEN, "Its last error: SyntaxError: '\\(' was never closed")],
    ids=["unset", "unwritten"],
)
def test_a_page_that_fails_is_refused_with_its_reason(runtime: ProcessRuntime, python: str, script: str, why: str) -> None:
    with pytest.raises(Refused, match=f"The server answers, but the Streamlit page fails. {why}") as refused:
        opened(runtime, python, script)
    assert "app.py" in refused.value.detail


def test_a_page_that_runs_is_not_refused_whatever_it_shows(
    runtime: ProcessRuntime, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairway.drivers.streamlit.WORDS_SECONDS", 0.5)
    heard = opened(runtime, python, GOOD)
    assert heard.lines[-1] == "The Streamlit page was run once, without an error."


def test_frames_and_messages_are_put_together_wherever_they_were_cut() -> None:
    long = bytes(range(256)) * 300
    frames = (
        b"\x02\x03abc"
        + b"\x89\x00"
        + b"\x80\x01d"
        + b"\x82\x7e\x01\x00"
        + long[:256]
        + b"\x82\x7f"
        + len(long).to_bytes(8)
        + long
    )
    for size in (1, 7, 1000, len(frames)):
        pieces = iter(frames[at : at + size] for at in range(0, len(frames), size))
        assert list(_messages(b"", pieces)) == [b"abcd", long[:256], long]
    assert _first_frame(b"\x82") is None


@pytest.mark.parametrize("message", [b"\x0b", b"\x80", b"\xff" * 12])
def test_what_is_no_protobuf_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="wire type|cut"):
        list(_fields(message))
