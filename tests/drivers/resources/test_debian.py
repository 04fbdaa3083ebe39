"""Programs from the packages of a distribution: what is wrong is said, and nothing half is left."""

from __future__ import annotations

import shutil

import pytest

from fairway.drivers.resources import debian
from fairway.drivers.resources.debian import DebianPackage
from fairway.drivers.resources.programs import ensure_programs, programs_folder
from fairway.drivers.runtimes.contract import NullProgress
from fairway.shared.failures import NeedsPerson, Retry

TOOL = DebianPackage("hello", "2", ("hello",))


@pytest.fixture(autouse=True)
def needs_debian():
    if not shutil.which("apt-get"):
        pytest.skip("this machine is no Debian: apt-get is not there")


def fetched(tmp_path, package):
    return ensure_programs(tmp_path, package, NullProgress())


def nothing_is_left(tmp_path, package):
    place = programs_folder(tmp_path, package)
    return not [one for one in place.parent.iterdir() if not one.name.endswith(".lock")]


def test_a_package_is_unpacked_and_nothing_else_stays(tmp_path):
    folder = fetched(tmp_path, TOOL)
    assert (folder / "usr/bin/hello").is_file()
    assert not (folder / ".apt").exists()
    assert not list(folder.glob("**/libc.so*"))


def test_another_version_than_expected_is_refused(tmp_path):
    package = DebianPackage("hello", "99", ("hello",))
    with pytest.raises(NeedsPerson, match="No hello 99 as Fairway expects it") as refused:
        fetched(tmp_path, package)
    assert "wanted: 99" in refused.value.detail
    assert nothing_is_left(tmp_path, package)


def test_without_apt_it_is_said_which_machine_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(debian, "PATH", str(tmp_path))
    with pytest.raises(NeedsPerson, match="Debian or Ubuntu"):
        fetched(tmp_path, TOOL)
    assert nothing_is_left(tmp_path, TOOL)


def test_a_distribution_that_cannot_be_reached_is_asked_again_later(tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(Retry, match="could not be reached"):
        fetched(tmp_path, TOOL)
    assert nothing_is_left(tmp_path, TOOL)
