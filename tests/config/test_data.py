"""Keys: made at first use, for their owner only, and the same for everybody who comes at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from fairway.config.data import DataDirectory

FIRST_USE = """
import sys
from pathlib import Path
from fairway.config.data import DataDirectory
sys.stdin.readline()  # all start at once
data = DataDirectory(Path(sys.argv[1]))
print(data.secret_key(), *data.field_keys())
"""


def mode(place: Path) -> int:
    return stat.S_IMODE(place.stat().st_mode)


def test_keys_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    umask = os.umask(0)  # the strictest case: nothing is taken away for us
    try:
        data = DataDirectory(tmp_path / "deep" / "data")
        secret, field = data.secret_key(), data.field_keys()
    finally:
        os.umask(umask)
    assert len(secret) >= 64
    assert (secret, field) == (data.secret_key(), DataDirectory(data.path).field_keys())
    assert mode(data.path) == mode(data.path / "keys") == 0o700
    assert {place.name: mode(place) for place in (data.path / "keys").iterdir()} == {
        "secret.key": 0o600,
        "field.keys": 0o600,
    }


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    one, other = DataDirectory(tmp_path / "one"), DataDirectory(tmp_path / "other")
    assert one.secret_key() != other.secret_key()
    assert one.field_keys() != other.field_keys()


def test_field_keys_are_fernet_keys_newest_first(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    (old,) = data.field_keys()
    new = Fernet.generate_key().decode()
    (tmp_path / "keys" / "field.keys").write_text(f"{new}\n{old}\n")
    assert data.field_keys() == [new, old]
    assert Fernet(old).decrypt(Fernet(old).encrypt(b"sealed")) == b"sealed"


def test_processes_that_start_at_once_agree_on_the_keys(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FIRST_USE, str(tmp_path / "data")]
    starters = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    said = {starter.communicate()[0] for starter in starters}
    assert len(said) == 1
    assert sorted(place.name for place in (tmp_path / "data" / "keys").iterdir()) == ["field.keys", "secret.key"]
