"""Runtimes are found by entry point; a broken one is a sentence on a page, never a broken page."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from fairway.drivers.runtimes import registry
from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, InstanceSpec, NullProgress, Runtime
from fairway.drivers.runtimes.fake import FakeRuntime
from fairway.drivers.runtimes.process import ProcessRuntime
from fairway.drivers.runtimes.registry import UnavailableRuntime, availability, open_runtime, runtime_names
from fairway.shared.failures import NeedsPerson


class Raising(FakeRuntime):
    def availability(self):
        raise ZeroDivisionError("oops")


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = types.ModuleType("third_party_runtimes")
    module.Good, module.Raising, module.NotOne, module.Shy = FakeRuntime, Raising, NotOne, Shy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "third_party_runtimes", module)
    names = {"good": "Good", "raising": "Raising", "notone": "NotOne", "gone": "Gone", "shy": "Shy"}
    entries = [EntryPoint(name, f"third_party_runtimes:{value}", registry.GROUP) for name, value in names.items()]
    entries.append(EntryPoint("missing", "no_such_module:X", registry.GROUP))
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    registry._installed.cache_clear()
    yield
    registry._installed.cache_clear()


class NotOne:
    @classmethod
    def open(cls, options, *, data):
        return cls()


class Shy:
    @classmethod
    def open(cls, options, *, data):
        raise RuntimeError("not today")


def test_ours_are_installed(tmp_path: Path) -> None:
    assert {"docker", "process"} <= set(runtime_names())
    assert "fake" not in runtime_names()
    assert isinstance(open_runtime("process", {}, tmp_path), ProcessRuntime)
    assert isinstance(open_runtime("fake", {}, tmp_path), FakeRuntime)


def test_a_third_party_s_runtime_is_opened(third_party: None, tmp_path: Path) -> None:
    assert isinstance(open_runtime("good", {}, tmp_path), FakeRuntime)
    assert "good" in runtime_names()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody", "No runtime called “nobody” is installed here"),
        ("gone", "cannot be loaded"),
        ("missing", "no_such_module"),
        ("shy", "not today"),
        ("notone", "is not a runtime"),
    ],
)
def test_what_is_broken_is_unavailable_and_says_why(third_party: None, tmp_path: Path, name: str, words: str) -> None:
    runtime = open_runtime(name, {}, tmp_path)
    assert isinstance(runtime, Runtime)
    said = availability(runtime)
    assert not said.is_available
    assert words in said.sentence


def test_bad_options_are_a_sentence(tmp_path: Path) -> None:
    said = open_runtime("process", {"colour": "red"}, tmp_path).availability()
    assert not said.is_available
    assert "colour" in said.sentence


def test_a_runtime_that_raises_when_asked_is_unavailable(third_party: None, tmp_path: Path) -> None:
    said = availability(open_runtime("raising", {}, tmp_path))
    assert not said.is_available
    assert "ZeroDivisionError: oops" in said.sentence


def test_an_unavailable_runtime_does_nothing_and_says_why() -> None:
    runtime = UnavailableRuntime("x", "install it")
    artifact = ArtifactRef(ArtifactKind.IMAGE, "sha256:1")
    acts = (
        lambda: runtime.resolve("a", None),
        lambda: runtime.distribute(artifact, None, NullProgress()),
        lambda: runtime.ensure_started(InstanceSpec("a.b", "d1", 0, artifact), NullProgress()),
        lambda: runtime.instance("x"),
        runtime.instances,
        lambda: runtime.ensure_stopped("x"),
        lambda: runtime.ensure_removed("x"),
        lambda: runtime.ensure_volume_removed("x"),
    )
    for act in acts:
        with pytest.raises(NeedsPerson, match="install it"):
            act()
    assert (runtime.artifacts(), runtime.collect([], NullProgress()), runtime.usages(["x"])) == ([], [], {})
    assert not runtime.is_distributed(artifact)
    assert list(runtime.output("x")) == []
