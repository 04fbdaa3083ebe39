"""A sealed file comes back whole or not at all."""

from __future__ import annotations

import os

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.resources import sealed_files
from fairway.drivers.resources.sealed_files import PIECE, open_file, opened, seal_file
from fairway.shared.failures import Failure, NeedsPerson, Refused
from fairway.shared.sealing import Seal

SEAL = Seal([Fernet.generate_key().decode()])


def nothing() -> None: ...


@pytest.fixture
def sealed(tmp_path):
    clear, place = tmp_path / "clear", tmp_path / "sealed"
    clear.write_bytes(os.urandom(2 * PIECE + 1000))
    size, digest = seal_file(clear, place, SEAL, nothing)
    assert (size, digest) == (place.stat().st_size, sealed_files.sha256_of(place))
    return place, clear.read_bytes()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_what_was_sealed_comes_back(tmp_path, size):
    clear, place, back = tmp_path / "clear", tmp_path / "sealed", tmp_path / "back"
    clear.write_bytes(os.urandom(size))
    seal_file(clear, place, SEAL, nothing)
    open_file(place, back, SEAL, nothing)
    assert back.read_bytes() == clear.read_bytes()
    assert place.stat().st_mode & 0o077 == 0


def test_nothing_of_it_can_be_read(sealed):
    place, clear = sealed
    content = place.read_bytes()
    assert all(clear[at : at + 16] not in content for at in range(0, len(clear) - 16, 4096))


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_bit_anywhere_is_found(where, bit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flip")
    clear, place = folder / "clear", folder / "sealed"
    clear.write_bytes(os.urandom(5000))
    seal_file(clear, place, SEAL, nothing)
    content = bytearray(place.read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    place.write_bytes(content)
    with pytest.raises(Failure):
        list(opened(place, SEAL))


def test_a_cut_a_swap_and_an_addition_are_found(sealed, tmp_path):
    place, _ = sealed
    content = place.read_bytes()
    start = content.index(b"\x00\x10\x00\x10")  # the length of a whole piece
    whole = PIECE + 16 + 4
    first, second = content[start : start + whole], content[start + whole : start + 2 * whole]
    head, last = content[:start], content[start + 2 * whole :]
    for broken in (
        content[:-1],
        head + first + second,
        head + second + first + last,
        content + last,
        head + last,
        b"",
        head,
    ):
        place.write_bytes(broken)
        with pytest.raises(Refused, match="damaged"):
            list(opened(place, SEAL))


def test_a_wrong_key_is_said(sealed):
    with pytest.raises(NeedsPerson, match=r"keys/field\.keys"):
        list(opened(sealed[0], Seal([Fernet.generate_key().decode()])))


def test_a_damaged_file_leaves_no_clear_one(sealed, tmp_path):
    place, _ = sealed
    place.write_bytes(place.read_bytes()[:-1])
    with pytest.raises(Refused):
        open_file(place, tmp_path / "back", SEAL, nothing)
    assert not (tmp_path / "back").exists()


def test_one_that_is_gone_is_said(tmp_path):
    with pytest.raises(Refused, match="gone"):
        list(opened(tmp_path / "none", SEAL))
