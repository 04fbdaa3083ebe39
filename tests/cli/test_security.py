"""fairway security, and fairway doctor --security on the server: the same words in the same order."""

from __future__ import annotations

from tests.services.installation import installed


def test_it_names_what_is_weak_first_and_how_to_fix_it(fairway):
    said = fairway("security")
    assert said.code == 1
    assert said.out.splitlines()[-1].endswith("checks are weak.")
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
    done = fairway.process(*here, "--json", FAIRWAY_SOURCE_ADDRESSES="any")
    assert (done.code, _words(done.json)) == (1, _words(told)), "it looks at what Fairway was started with"
    assert "Weak: Two-step sign-in. It is not required, and" in fairway.process(*here).out


def test_while_fairway_does_not_run_the_variables_of_the_shell_count(fairway, tmp_path):
    with installed(tmp_path / "data") as one:
        pass
    here = ("doctor", "--security", "--data", str(one.data))
    assert "reached, this machine included" not in fairway.process(*here).out
    assert "reached, this machine included" in fairway.process(*here, FAIRWAY_SOURCE_ADDRESSES="any").out


def test_where_there_is_no_fairway_it_says_so(fairway, tmp_path):
    done = fairway.process("doctor", "--security", "--data", str(tmp_path / "nothing"))
    assert (done.code, done.out) == (2, "")
    assert "There is no Fairway in" in done.err


def _words(told):
    """All that is said, without the time at which the chain was verified last."""
    return [{**one, "sentence": ""} if one["check"] == "chain" else one for one in told["checks"]]
