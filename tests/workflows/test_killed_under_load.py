"""SIGKILL of one replica of two, and of the proxy, under a constant load: what is lost is counted (benchmarks/killed.py)."""

from __future__ import annotations

import pytest

from tests.services.killing import kill_proxy, kill_replicas
from tests.services.load import QUARTER
from tests.services.rolling import prepared

KILLS = 2  # `make bench` kills more often; two are one of each replica


@pytest.fixture(scope="module")
def loaded(fairway, tmp_path_factory):
    prepared(fairway, "loaded", "staging", tmp_path_factory.mktemp("loaded"))
    yield "loaded"
    fairway.call("DELETE", "/applications/loaded/environments/staging/placement")


def test_a_replica_loses_no_request(fairway, loaded):
    killed = kill_replicas(fairway, loaded, KILLS, share=QUARTER)
    assert killed.failed == 0, [killed.told(), *killed.load.failures[:5]]
    assert killed.load.sent["slow"] > KILLS


def test_the_proxy_loses_what_it_carried_and_nothing_else(fairway, loaded):
    killed = kill_proxy(fairway, loaded, KILLS, share=QUARTER)
    assert len(killed.away) == KILLS
    lost = [why for why in killed.load.failures if "IncompleteReadError" not in why and "Connection" not in why]
    assert lost == [], "what reached an application was answered by it"
