"""Folders change their owner whole, and nothing outside of them does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairway.drivers.wall.owners import hand_over, take_back
from fairway.drivers.wall.users import Users

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SOMEBODY = 1_900_000_001


def owner(place: Path) -> int:
    return place.lstat().st_uid


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume from a time when applications were root: one linked our files into it."""
    (tmp_path / "key").write_text("secret")
    place = tmp_path / "volume"
    (place / "deep" / "er").mkdir(parents=True)
    (place / "deep" / "file").write_text("x")
    (place / "deep" / "link").symlink_to(tmp_path / "key")
    (place / "folder").symlink_to(tmp_path)
    os.link(tmp_path / "key", place / "stolen")
    os.link(place / "deep" / "file", place / "twice")
    os.mkfifo(place / "pipe")
    return place


def test_all_inside_changes_hands_and_nothing_outside(volume: Path, tmp_path: Path) -> None:
    hand_over(volume, SOMEBODY)
    inside = [volume, volume / "deep", volume / "deep/er", volume / "deep/file", volume / "deep/link", volume / "twice"]
    assert {owner(place) for place in (*inside, volume / "folder", volume / "pipe")} == {SOMEBODY}
    assert owner(tmp_path) == owner(tmp_path / "key") == owner(volume / "stolen") == 0


def test_what_was_handed_over_is_left_alone_until_it_is_taken_back(volume: Path) -> None:
    hand_over(volume, SOMEBODY)
    os.chown(volume / "deep/file", 0, 0)
    hand_over(volume, SOMEBODY)
    assert owner(volume / "deep/file") == 0
    take_back(volume, 0)
    assert {owner(place) for place in volume.rglob("*")} == {0}


def test_each_name_keeps_an_id_of_its_own(tmp_path: Path) -> None:
    users = Users(tmp_path / "users")
    given = {name: users.of(name) for name in ("a", "b", "build.a")}
    assert len(set(given.values())) == 3
    assert {name: Users(tmp_path / "users").of(name) for name in given} == given
