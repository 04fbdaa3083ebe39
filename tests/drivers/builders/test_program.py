"""Programs of other languages: built and served with Perl, which every Debian machine has; and their Dockerfiles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.builders.contract import BuildRequest, Checkout, Spec
from fairway.drivers.builders.detection.detect import detect
from fairway.drivers.builders.dockerfiles import Bases, Manifests, dockerfile_for
from fairway.drivers.builders.toolchains import TOOLCHAINS, dockerfile_of, missing_toolchain
from fairway.drivers.runtimes.contract import NullProgress
from fairway.shared.failures import NeedsPerson, Refused
from tests.drivers.builders.folders import make
from tests.drivers.builders.serving import served

SERVER = """use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalAddr => $ENV{HOST}, LocalPort => $ENV{PORT}, Listen => 5) or die "$!";
open my $file, '<', 'made.txt' or die; my $text = <$file>;
while (my $client = $server->accept) {
    while (<$client>) { last if /^\\r?\\n$/ }
    print $client "HTTP/1.0 200 OK\\r\\nContent-Length: " . length($text) . "\\r\\n\\r\\n$text";
    close $client;
}
"""
MAKES = ("mkdir", "out", "&&", "cd", "out", "&&", "perl", "-e", "open F, '>', 'made-1.txt'; print F $ENV{WORD}; close F")


def build(tmp_path: Path, spec: Spec, files: dict[str, str]) -> Path:
    request = BuildRequest("hello", Checkout(make(tmp_path / "source", files), "0" * 64), spec)
    location = BundleBuilder(tmp_path / "data").build(request, NullProgress()).artifact.location
    assert location
    return location


def test_a_program_is_built_and_serves(tmp_path: Path) -> None:
    files = {"app.pl": SERVER}
    found = detect(make(tmp_path / "source", files)).spec
    assert found
    assert (found.kind, found.framework, found.command) == ("program", "Perl", ("perl", "app.pl"))
    install = {**found.install, "collect": ["out/*.txt", "made.txt"]}
    spec = replace(found, build=MAKES, install=install, environment={"WORD": "built"})
    with served(build(tmp_path, spec, files), tmp_path) as client:
        assert client.get("/").text == "built"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"build": ("perl", "-e", "die 'no compiler'")}, "ended with code"),
        ({"command": None}, "no command to start it"),
        ({"install": {"toolchain": "perl", "collect": ["target/*.jar", "app.jar"]}}, "made no target"),
    ],
)
def test_a_bad_build_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    spec = replace(Spec(kind="program", command=("perl", "app.pl"), install={"toolchain": "perl"}), **changes)
    with pytest.raises(Refused, match=words):
        build(tmp_path, spec, {"app.pl": SERVER})


def test_a_missing_toolchain_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    install = {"toolchain": "go", "because": "go.mod"}
    go = Spec(kind="program", framework="Go", command=("bin/app",), install=install)
    assert missing_toolchain(go) == (
        "This is Go (go.mod). This machine has no Go toolchain: install it (apt install golang), or add the Dockerfile "
        "below and deploy to an environment with Docker."
    )
    laravel = Spec(kind="program", framework="Laravel", command=("php", "-S", "x"), install={"toolchain": "php"})
    assert missing_toolchain(laravel).startswith("This is Laravel, written in PHP. This machine has no PHP toolchain")
    assert missing_toolchain(Spec(kind="python")) == ""
    with pytest.raises(NeedsPerson, match="no Go toolchain"):
        build(tmp_path, go, {"main.go": ""})


@pytest.mark.parametrize("name", TOOLCHAINS)
def test_every_toolchain_has_a_dockerfile_for_people_and_one_for_us(name: str) -> None:
    command = ("A={port}", "serve", "-p", "{port}", "-b", "http://{host}:{port}")
    spec = Spec(kind="program", framework="X", build=("B=1", "make", "it"), command=command, install={"toolchain": name})
    theirs, ours = dockerfile_of(spec), dockerfile_for(spec, Manifests(), Bases())
    for text in (theirs, ours):
        assert text.startswith("FROM ")
        assert "USER 10001:10001" in text
        assert 'RUN ["env", "B=1", "make", "it"]' in text
        assert "{port}" not in text
        assert "{host}" not in text
    assert theirs.splitlines()[-1] == 'CMD A=${PORT} exec serve -p "${PORT}" -b "http://0.0.0.0:${PORT}"'
    assert ours.splitlines()[-1] == 'CMD ["serve", "-p", "8080", "-b", "http://0.0.0.0:8080"]'
