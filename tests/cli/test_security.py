"""fairway security, and fairway doctor --security on the server: the same words in the same order."""

from __future__ import annotations

VARIABLES = {"FAIRWAY_SIGN_IN_ADDRESSES": "any", "FAIRWAY_ALLOW_FILE_SOURCES": "1"}  # as `running` was started


def test_it_names_what_is_weak_first_and_how_to_fix_it(fairway):
    said = fairway("security")
    assert said.code == 1
    first, second, *_ = said.out.splitlines()
    assert first == "Signing in"
    assert "Weak: Two-step sign-in. It is not required, and" in second
    assert "fairway sign-in passwords --require-two-step" in said.out
    assert "Change FAIRWAY_ALLOW_FILE_SOURCES where Fairway is started." in said.out
    assert fairway("--as", "viewer", "security").code == 3


def test_the_server_says_the_same(fairway, running):
    told = fairway("security", "--json").json
    assert told["weak"] == sum(one["state"] == "weak" for one in told["checks"])
    here = ("doctor", "--security", "--data", str(running.data))
    done = fairway.process(*here, "--json", **VARIABLES)
    assert (done.code, _words(done.json)) == (1, _words(told))
    assert "Weak: Two-step sign-in. It is not required, and" in fairway.process(*here, **VARIABLES).out


def test_where_there_is_no_fairway_it_says_so(fairway, tmp_path):
    done = fairway.process("doctor", "--security", "--data", str(tmp_path / "nothing"))
    assert (done.code, done.out) == (2, "")
    assert "There is no Fairway in" in done.err


def _words(told):
    """All that is said, without the time at which the chain was verified last."""
    return [{**one, "sentence": ""} if one["check"] == "chain" else one for one in told["checks"]]
