"""Bundles: the same content has the same digest, and changed content is noticed."""

import json
import os
from pathlib import Path

import pytest

from fairway.drivers.runtimes.contract import ArtifactKind, Volume
from fairway.drivers.runtimes.process import workcopy
from fairway.drivers.runtimes.process.bundle import Bundle, bundle_digest, discard, fingerprint, seal, verify
from fairway.shared.failures import Refused

MANIFEST = {"command": ["{python}", "main.py"], "kind": "python", "environment": {"MODE": "x"}, "path": [".venv/bin"]}


def draft(parent: Path, name: str = "draft", text: str = "print(1)") -> Path:
    folder = parent / name
    (folder / "app" / "empty").mkdir(parents=True)
    (folder / "app" / "main.py").write_text(text)
    (folder / "app" / "link").symlink_to("main.py")
    return folder


def test_sealing_names_the_folder_by_its_digest(tmp_path: Path) -> None:
    artifact = seal(draft(tmp_path), MANIFEST)
    assert artifact.kind is ArtifactKind.BUNDLE
    assert artifact.location == tmp_path / artifact.digest.removeprefix("sha256:")
    assert verify(artifact.location) == artifact.digest
    assert not (tmp_path / "draft").exists()
    bundle = Bundle.read(artifact.location)
    assert (bundle.command, bundle.path, bundle.environment) == (("{python}", "main.py"), (".venv/bin",), {"MODE": "x"})
    assert bundle.ref() == artifact


def test_sealing_into_another_folder_makes_it(tmp_path: Path) -> None:
    assert seal(draft(tmp_path), MANIFEST, into=tmp_path / "bundles").location.parent == tmp_path / "bundles"


def test_equal_content_sealed_twice_is_one_bundle(tmp_path: Path) -> None:
    first, second = seal(draft(tmp_path, "a"), MANIFEST), seal(draft(tmp_path, "b"), MANIFEST)
    assert first == second
    assert [place.name for place in tmp_path.iterdir()] == [first.location.name]


def test_a_damaged_bundle_makes_way_for_a_new_one(tmp_path: Path) -> None:
    first = seal(draft(tmp_path, "a"), MANIFEST)
    (first.location / "app" / "main.py").unlink()
    second = seal(draft(tmp_path, "b"), MANIFEST)
    assert verify(second.location) == first.digest


def _edit(folder: Path) -> None:
    (folder / "app/main.py").chmod(0o644)
    (folder / "app/main.py").write_text("print(2)")


def _add(folder: Path) -> None:
    (folder / "app/empty/new").touch()


def _relink(folder: Path) -> None:
    (folder / "app/link").unlink()
    (folder / "app/link").symlink_to("/etc/passwd")


def _make_executable(folder: Path) -> None:
    (folder / "app/main.py").chmod(0o755)


def _remove_empty_folder(folder: Path) -> None:
    (folder / "app/empty").rmdir()


def _change_command(folder: Path) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").unlink()
    (folder / "bundle.json").write_text(json.dumps({**manifest, "command": ["evil"]}))


@pytest.mark.parametrize("change", [_edit, _add, _relink, _make_executable, _remove_empty_folder, _change_command])
def test_any_change_is_noticed(tmp_path: Path, change) -> None:
    artifact = seal(draft(tmp_path), MANIFEST)
    before = fingerprint(artifact.location)
    change(artifact.location)
    assert fingerprint(artifact.location) != before
    with pytest.raises(Refused, match="was changed after it was built"):
        verify(artifact.location)


def test_byte_code_and_times_do_not_count(tmp_path: Path) -> None:
    artifact = seal(draft(tmp_path), MANIFEST)
    cache = artifact.location / "app" / "__pycache__"
    cache.mkdir()
    (cache / "main.cpython-311.pyc").write_bytes(b"\0")
    os.utime(artifact.location / "app", (0, 0))
    assert verify(artifact.location) == artifact.digest


def test_two_trees_that_read_alike_differ(tmp_path: Path) -> None:
    one, two = draft(tmp_path, "one"), draft(tmp_path, "two")
    (one / "app" / "ab").write_text("c")
    (two / "app" / "a").write_text("bc")
    assert bundle_digest(one, MANIFEST) != bundle_digest(two, MANIFEST)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"command": "python main.py"}, "command"),
        ({"command": []}, "command"),
        ({"command": ["x"], "environment": {"A": 1}}, "environment"),
        ({"command": ["x"], "environment": {"A B": "1"}}, "name"),
        ({"command": ["x"], "path": ["../bin"]}, "path"),
    ],
)
def test_a_wrong_manifest_is_refused_by_field(tmp_path: Path, wrong: dict, field: str) -> None:
    with pytest.raises(Refused, match=field):
        seal(draft(tmp_path), wrong)


def test_what_is_no_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not here"):
        Bundle.read(tmp_path / "none")
    (tmp_path / "bundle.json").write_text("{")
    with pytest.raises(Refused, match="unreadable manifest"):
        Bundle.read(tmp_path)
    (tmp_path / "bundle.json").write_text('{"format": 99}')
    with pytest.raises(Refused, match="does not know"):
        Bundle.read(tmp_path)


def test_a_pipe_in_a_bundle_is_refused(tmp_path: Path) -> None:
    folder = draft(tmp_path)
    os.mkfifo(folder / "app" / "pipe")
    with pytest.raises(Refused, match="pipe"):
        seal(folder, MANIFEST)


def test_discarding_twice_is_no_error(tmp_path: Path) -> None:
    artifact = seal(draft(tmp_path), MANIFEST)
    discard(artifact.location)
    discard(artifact.location)
    assert list(tmp_path.iterdir()) == []


def test_a_package_of_a_workspace_works_in_its_own_folder_and_its_packages_are_linked(tmp_path: Path) -> None:
    folder = draft(tmp_path)
    for name in ("node_modules/a/x.js", "apps/web/node_modules/b/x.js", "apps/web/server.js"):
        (folder / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "app" / name).write_text("")
    (folder / "app/apps/web/node_modules/a").symlink_to("../../../node_modules/a")
    location = seal(folder, {**MANIFEST, "start_in": "apps/web"}).location
    assert location is not None
    (tmp_path / "instance").mkdir()
    work = workcopy.prepare(
        Bundle.read(location), tmp_path / "instance", {Volume("data", "/store"): tmp_path / "volume"}, {}
    )
    assert work == tmp_path / "instance/work/app/apps/web"
    assert (work / "node_modules").is_symlink()
    assert (work / "node_modules/a/x.js").is_file()
    assert (work.parents[1] / "node_modules").is_symlink()
    assert (work / "store").resolve() == tmp_path / "volume"
    assert not (work / "server.js").is_symlink()


@pytest.mark.parametrize("place", ["../x", "/etc", "a/../../b"])
def test_a_working_folder_outside_the_application_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(Refused, match="manifest is wrong"):
        seal(draft(tmp_path), {**MANIFEST, "start_in": place})
