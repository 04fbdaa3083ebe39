"""Everything a local Docker environment does, done on a machine elsewhere; and what happens when that is away."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fairway.drivers.builders.image import caddy_program
from fairway.drivers.hosts.address import SshAddress
from fairway.drivers.hosts.tunnel import Tunnel
from tests.examples.engine import containers_of, has_image, ids_of
from tests.far.conftest import FAR, LET_IN, connected, host_of
from tests.services.docker import PASSWORD, USER, Engine, build, shared_registry
from tests.services.far_host import FarHost
from tests.services.installation import Installation, wait_for

pytestmark = pytest.mark.docker
APP = "hello"
NAME = f"{APP}.{FAR}"
HOST = f"{APP}.far.localhost"


@dataclass
class Load:
    """Visitors who come all the time, some of them patient ones."""

    fairway: Installation
    host: str
    answers: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def running(self, visitors: int = 3) -> Iterator[Load]:
        over = threading.Event()
        paths = ["/"] * visitors + ["/slow"]
        threads = [threading.Thread(target=self._visit, args=(path, over)) for path in paths]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _visit(self, path: str, over: threading.Event) -> None:
        while not over.wait(0.02):
            try:
                answer = self.fairway.visit(self.host, path)
            except OSError as error:
                self.failed.append(str(error))
                continue
            (self.answers if answer.status == 200 else self.failed).append(answer.text[:200])


def image(reference: str, **more: str) -> dict[str, str]:
    return {"kind": "image", "image": reference, **more}


def serves(fairway: Installation, text: str, host: str = HOST) -> bool:
    answer = fairway.visit(host)
    return (answer.status, answer.text) == (200, text)


def scale(fairway: Installation, replicas: int) -> None:
    fairway.call("PUT", f"/applications/{APP}/environments/{FAR}/placement/replicas", {"replicas": replicas})


def is_well(fairway: Installation, replicas: int = 1, slug: str = APP) -> bool:
    shown = fairway.placement(slug, FAR)
    return (shown["health"], len(shown["instances"]), shown["drift"]) == ("healthy", replicas, [])


def verbs(fairway: Installation) -> list[str]:
    return [one["verb"] for one in fairway.call("GET", f"/events?environment={FAR}&limit=100")["items"]]


def tunnel_of(fairway: Installation, far_host: FarHost) -> Tunnel:
    return Tunnel(SshAddress.parse(far_host.url), fairway.data)


def test_nothing_happens_there_before_a_persons_yes(
    fairway: Installation, unconfirmed: dict[str, Any], far_host: FarHost, versions: dict[str, str]
) -> None:
    assert unconfirmed["ssh_host"]["state"] == "asking"
    assert unconfirmed["ssh_host"]["public_key"].startswith("ssh-ed25519 ")
    wait_for(lambda: host_of(fairway)["state"] == "unconfirmed", "it has shown its key")
    assert host_of(fairway)["shown_fingerprint"] == far_host.fingerprint
    assert tunnel_of(fairway, far_host).pid() is None

    fairway.create(APP, image(versions["one"]))
    refused = fairway.api("POST", "/deployments", {"application": APP, "environment": FAR})
    assert refused.status == 409
    [blocker] = refused.json["blockers"]
    assert far_host.fingerprint in blocker["sentence"]
    assert "an Admin" in blocker["who"]

    wrong = fairway.api("PUT", f"/environments/{FAR}/host/key", {"fingerprint": "SHA256:of-somebody-else"})
    assert wrong.status == 422
    assert host_of(fairway)["fingerprint"] == ""

    fairway.call("PUT", f"/environments/{FAR}/host/key", {"fingerprint": far_host.fingerprint})
    wait_for(lambda: "authorized_keys" in host_of(fairway)["sentence"], "it does not let Fairway in yet")
    assert host_of(fairway)["state"] == "away"
    assert "Permission denied" in host_of(fairway)["detail"]
    far_host.let_in(LET_IN + unconfirmed["ssh_host"]["public_key"])
    fairway.call("POST", f"/environments/{FAR}/host/look", {})
    connected(fairway)
    assert {"environment.host_key_shown", "environment.host_key_confirmed", "environment.host_connected"} <= set(
        verbs(fairway)
    )


def test_deploy_scale_log_roll_back_and_drain(
    fairway: Installation, far: str, far_host: FarHost, versions: dict[str, str]
) -> None:
    live = fairway.live(fairway.deploy(APP, far))
    [container] = containers_of(far_host.engine, NAME)
    assert (live["digest"], live["served_digest"]) == (container["Image"], container["Image"])
    assert serves(fairway, "one")
    bound = container["HostConfig"]["PortBindings"]["8080/tcp"][0]
    assert bound["HostIp"] == "127.0.0.1"
    [instance] = fairway.placement(APP, far)["instances"]
    assert instance["address"].rpartition(":")[2] == bound["HostPort"]
    assert instance["address"].startswith("127.")
    assert not instance["address"].startswith("127.0.")

    load = Load(fairway, HOST)
    with load.running():
        scale(fairway, 3)
        wait_for(lambda: is_well(fairway, 3), "three run")
        second = fairway.live(fairway.deploy(APP, far, source=image(versions["two"])))
        back = fairway.call("POST", "/rollbacks", {"application": APP, "environment": far})
        fairway.live(back["id"])
        scale(fairway, 1)
        wait_for(lambda: is_well(fairway, 1), "one runs")
    assert not load.failed, load.failed[:5]
    assert {"one", "two"} <= set(load.answers)
    assert second["probe"]["failed"] == 0
    assert serves(fairway, "one")
    assert len(ids_of(far_host.engine, NAME)) == 1
    printed = fairway.call("GET", f"/applications/{APP}/environments/{far}/placement/output")
    assert "asked for / of one" in [line["text"] for line in printed]


def test_pull_and_build_over_there(fairway: Installation, far: str, far_host: FarHost, tmp_path: Path) -> None:
    registry = shared_registry(far_host.here)
    fairway.call(
        "PUT", "/credentials/near", {"kind": "registry", "host": registry.host, "username": USER, "secret": PASSWORD}
    )
    dockerfile = 'FROM scratch\nCOPY caddy /caddy\nCMD ["/caddy", "respond", "--listen", ":8080", "pulled"]\n'
    with far_host.engine.client() as client:
        made = build(client, "fairway-tests/pulled:1", {"Dockerfile": dockerfile, "caddy": caddy_program().read_bytes()})
        digest = registry.push(client, made, "pulled", "1")
        client.remove_image("fairway-tests/pulled:1")
    fairway.create("pulled", image(f"{registry.host}/pulled:1", credential="near"))
    live = fairway.live(fairway.deploy("pulled", far))
    assert live["served_digest"] == digest
    assert serves(fairway, "pulled", "pulled.far.localhost")

    (tmp_path / "index.html").write_text("built over there")
    fairway.create("built", fairway.upload(tmp_path))
    live = fairway.live(fairway.deploy("built", far))
    assert has_image(far_host.engine, live["digest"])
    assert serves(fairway, "built over there", "built.far.localhost")
    for slug in ("pulled", "built"):
        fairway.call("DELETE", f"/applications/{slug}/environments/{far}/placement")
        wait_for(lambda slug=slug: not ids_of(far_host.engine, f"{slug}.{far}"), "it is gone")


def test_what_was_built_here_is_promoted_there_as_the_same_bytes(
    fairway: Installation, far: str, far_host: FarHost, docker_engine: Engine, tmp_path: Path
) -> None:
    options = {"host": docker_engine.host, "builder": "classic", "build_network": "none"}
    near = {"name": "Near", "host": "near.localhost", "runtime": "docker", "options": options, "position": 1}
    fairway.call("POST", "/environments", near)
    (tmp_path / "index.html").write_text("the same bytes")
    fairway.create("moved", fairway.upload(tmp_path))
    built = fairway.live(fairway.deploy("moved", "near"))
    assert not has_image(far_host.engine, built["digest"])

    promoted = fairway.call("POST", "/promotions", {"application": "moved", "from_environment": "near", "environment": far})
    live = fairway.live(promoted["id"])
    assert live["served_digest"] == built["digest"]
    assert has_image(far_host.engine, built["digest"])
    assert serves(fairway, "the same bytes", "moved.far.localhost")
    for environment in ("near", far):
        fairway.call("DELETE", f"/applications/moved/environments/{environment}/placement")
    wait_for(lambda: not ids_of(far_host.engine, f"moved.{far}"), "it is gone")


def test_the_control_plane_may_die_and_nobody_notices(fairway: Installation, far: str, far_host: FarHost) -> None:
    tunnel = tunnel_of(fairway, far_host)
    before = tunnel.pid(), ids_of(far_host.engine, NAME)
    load = Load(fairway, HOST)
    with load.running():
        fairway.kill_control_plane()
        fairway.start()
        connected(fairway)
        wait_for(lambda: is_well(fairway), "it is seen again")
    assert not load.failed, load.failed[:5]
    assert (tunnel.pid(), ids_of(far_host.engine, NAME)) == before


def test_a_tunnel_that_dies_is_made_anew(fairway: Installation, far: str, far_host: FarHost) -> None:
    tunnel = tunnel_of(fairway, far_host)
    before = tunnel.pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: tunnel.pid() not in (None, before), "another one is there")
    wait_for(lambda: serves(fairway, "one"), "it serves again")
    connected(fairway)
    fairway.live(fairway.call("POST", f"/applications/{APP}/environments/{far}/placement/restart", {})["id"])
    assert serves(fairway, "one")


def test_a_host_that_goes_away_in_the_middle(
    fairway: Installation, far: str, far_host: FarHost, versions: dict[str, str]
) -> None:
    """Errored, in words that name the host; and by itself everything is as it was once the host is back."""
    [serving] = ids_of(far_host.engine, NAME)
    fairway.call("PUT", f"/applications/{APP}/environments/{far}/configuration", {"variables": {"LOADING": "30"}})
    number = fairway.deploy(APP, far, source=image(versions["two"]))
    wait_for(lambda: len(ids_of(far_host.engine, NAME)) == 2, "the new version is there, loading")
    fairway.reached(number, "check")
    far_host.stop_sshd()
    try:
        ended = fairway.ended(number)
        assert ended["status"] == "errored"
        assert far_host.address in ended["sentence"]
        assert "Cleaning up failed" in ended["detail"]
        wait_for(lambda: fairway.placement(APP, far)["health"] == "unknown", "nobody can tell how it is")
        assert far_host.address in " ".join(fairway.placement(APP, far)["drift"])
        refused = fairway.api("POST", "/deployments", {"application": APP, "environment": far})
        assert (refused.status, [one["code"] for one in refused.json["blockers"]]) == (409, ["runtime"])
        assert fairway.visit(HOST).status == 502
        assert fairway.api("GET", f"/applications/{APP}/environments/{far}/placement/output").status == 503
        assert ids_of(far_host.engine, NAME).count(serving) == 1
    finally:
        far_host.start_sshd()
    wait_for(lambda: ids_of(far_host.engine, NAME) == [serving], "what was begun is gone")
    wait_for(lambda: is_well(fairway), "it is seen to be well")
    assert serves(fairway, "one")
    fairway.call("PUT", f"/applications/{APP}/environments/{far}/configuration", {"variables": {}})


def test_a_host_that_changed_its_key_is_sent_nothing(fairway: Installation, far: str, far_host: FarHost) -> None:
    known = far_host.fingerprint
    far_host.new_host_key()
    far_host.stop_sshd()
    far_host.start_sshd()
    wait_for(lambda: host_of(fairway)["state"] == "changed", "the other key is noticed")
    shown = host_of(fairway)
    assert (shown["fingerprint"], shown["shown_fingerprint"]) == (known, far_host.fingerprint)
    assert tunnel_of(fairway, far_host).pid() is None
    refused = fairway.api("POST", "/deployments", {"application": APP, "environment": far})
    assert refused.status == 409
    assert "another key than the confirmed one" in refused.json["blockers"][0]["sentence"]

    fairway.call("PUT", f"/environments/{FAR}/host/key", {"fingerprint": far_host.fingerprint})
    connected(fairway)
    wait_for(lambda: serves(fairway, "one"), "it serves again")


def test_once_nothing_runs_there_the_tunnel_ends(fairway: Installation, far: str, far_host: FarHost) -> None:
    fairway.call("DELETE", f"/applications/{APP}/environments/{far}/placement")
    wait_for(lambda: not ids_of(far_host.engine, NAME), "it is removed")
    wait_for(lambda: fairway.api("DELETE", f"/environments/{far}").status == 204, "the environment goes")
    wait_for(lambda: tunnel_of(fairway, far_host).pid() is None, "the tunnel has ended")
