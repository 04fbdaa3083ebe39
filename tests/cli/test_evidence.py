"""fairway evidence: what it prints verifies without a server, with the export and the key, and tampering ends with 1."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.services.installation import wait_for


@pytest.fixture(scope="module")
def made(running, tmp_path_factory):
    """The number of a deployment of a static site that Fairway built."""
    folder = tmp_path_factory.mktemp("proof") / "site"
    folder.mkdir()
    (folder / "index.html").write_text("<h1>Proof</h1>")
    (folder / "go.sum").write_text("golang.org/x/text v0.3.0 h1:abc=\n")  # nothing is installed, so lock files tell
    running.create("proof", running.upload(folder))
    number = running.deploy("proof", "development")
    running.live(number)
    return number


def test_it_is_printed_and_verified_without_a_server(fairway, made, tmp_path):
    def is_covered():
        lines = fairway("evidence", "--deployment", str(made)).out.splitlines()
        (tmp_path / "proof.intoto.jsonl").write_text("\n".join(lines))
        return bool(lines) and bool(fairway("audit", "head").out)

    wait_for(is_covered, "there is evidence, and a signed head")
    (tmp_path / "events.jsonl").write_text(fairway("audit", "export").out)
    key = fairway("evidence", "key").out.strip()
    file, events = str(tmp_path / "proof.intoto.jsonl"), str(tmp_path / "events.jsonl")
    said = fairway("evidence", "verify", file, "--events", events, "--key", key, FAIRWAY_URL="http://localhost:1")
    assert said.code == 0, said.err
    assert f"2 statements about deployment {made}, complete" in said.out + said.err
    told = fairway("evidence", "verify", file, "--json").json
    assert (told["is_intact"], told["key"], told["statements"]) == (True, key, 2)
    program = tmp_path / "verify.py"
    program.write_text(fairway("evidence", "script").out)
    done = subprocess.run([sys.executable, "-I", program, "evidence", file, "--events", events], check=False)
    assert done.returncode == 0


def test_what_was_changed_ends_with_1(fairway, made, tmp_path):
    first, second = fairway("evidence", "--deployment", str(made)).out.splitlines()
    file = tmp_path / "proof.intoto.jsonl"
    file.write_text(second)
    said = fairway("evidence", "verify", str(file))
    assert (said.code, "A statement was removed" in said.out + said.err) == (1, True)
    envelope = json.loads(second)
    envelope["payload"] = envelope["payload"].replace("A", "B", 1)
    file.write_text("\n".join([first, json.dumps(envelope)]))
    assert fairway("evidence", "verify", str(file), "--json").json["problem"].startswith("Line 2 was changed")
    assert fairway("evidence", "verify", str(tmp_path / "nothing")).code == 1


def test_what_is_named_badly_is_refused_with_what_to_do(fairway, made):
    for words in (["of"], ["Autumn@1", "--deployment", "1"]):
        said = fairway("evidence", *words)
        assert (said.code, "either a release or a deployment" in said.err) == (2, True)
    assert fairway("evidence", "--deployment", "999999").code == 2
    said = fairway("evidence", "Nothing@1")
    assert (said.code, "There is no release “Nothing@1”" in said.err) == (2, True)


def test_the_key_is_read_by_others(fairway, made, tmp_path):
    wait_for(lambda: fairway("evidence", "key").code == 0, "a head is signed")
    (tmp_path / "key.pem").write_text(fairway("evidence", "key", "--pem").out)
    done = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", tmp_path / "key.pem", "-noout", "-text"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "ED25519 Public-Key" in done.stdout


def test_the_bill_of_materials_is_printed_for_a_deployment_and_a_version(fairway, made):
    document = json.loads(fairway("sbom", str(made)).out)
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", "proof")
    assert [one["purl"] for one in document["components"]] == ["pkg:golang/golang.org/x/text@v0.3.0"]
    assert document == json.loads(fairway("sbom", "proof:1").out)
    for wrong in ("proof:", ":1", "proof", "1:2:x"):
        assert fairway("sbom", wrong).code == 2


def test_a_release_is_named_as_everywhere(fairway, made, tmp_path):
    assert fairway("releases", "create", "Proof", "--version", "1", "--from", "development").code == 0
    said = fairway("evidence", "Proof@1")
    (tmp_path / "release.intoto.jsonl").write_text(said.out)
    told = fairway("evidence", "verify", str(tmp_path / "release.intoto.jsonl"), "--json").json
    assert (said.code, told["is_intact"], told["subjects"][0].partition(" ")[0]) == (0, True, "release")
