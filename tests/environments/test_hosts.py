"""Hosts over SSH as rows: a key of our own, a person's yes to theirs, what workers see, and in which words it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from fairway.accounts.rules import Blocked
from fairway.activity.models import Event
from fairway.deployments.commands.requests import request_deployment
from fairway.drivers.hosts.keys import fingerprint
from fairway.drivers.hosts.reasons import Reason
from fairway.environments import hosts
from fairway.environments.commands import create_environment, delete_environment, edit_environment
from fairway.environments.host_rules import HostFacts, HostState, host_sentence, host_state, who_clears
from fairway.environments.models import Environment, Host
from fairway.environments.queries import environments_on, host_of, hosts_in_use
from fairway.environments.runtimes import availability_of
from fairway.shared.keypairs import new_key_pair
from fairway.shared.names import Invalid
from tests.conftest import make_artifact

ADDRESS = "ssh://deploy@docker.example.com"
KEY, OTHER = (" ".join(new_key_pair("x")[1].split()[:2]) for _ in range(2))
NOW = timezone.now()


@pytest.fixture
def far(admin) -> Environment:
    return create_environment(
        actor=admin, name="Far", host="far.test", runtime="docker", options={"host": f" {ADDRESS}:22 "}
    )


def verbs() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("verb", flat=True))


def test_a_host_gets_a_key_of_its_own_that_never_shows(admin, far):
    host = host_of(far)
    assert far.options == {"host": ADDRESS}
    assert host.public_key.startswith("ssh-ed25519 ")
    assert "PRIVATE KEY" in hosts.access_to(host).private_key
    assert "PRIVATE" not in host.sealed_key
    assert "PRIVATE" not in repr(hosts.access_to(host))
    too = create_environment(actor=admin, name="Too", host="too.test", runtime="docker", options={"host": ADDRESS})
    assert host_of(too) == host
    assert environments_on(host) == [far, too]
    delete_environment(actor=admin, environment=far)
    assert hosts_in_use() == [host]
    delete_environment(actor=admin, environment=too)
    assert hosts_in_use() == []
    assert host_of(Environment(runtime="docker", options={})) is None


def test_only_the_key_that_was_compared_is_confirmed(admin, manager, far):
    with pytest.raises(Invalid, match="has not shown its key"):
        hosts.confirm_host_key(actor=admin, environment=far, fingerprint_seen=fingerprint(KEY))
    hosts.record_offered_key(host=host_of(far), key=KEY)
    assert host_of(far).state == HostState.UNCONFIRMED
    with pytest.raises(Blocked):
        hosts.confirm_host_key(actor=manager, environment=far, fingerprint_seen=fingerprint(KEY))
    hosts.record_offered_key(host=host_of(far), key=OTHER)  # between the look and the click
    with pytest.raises(Invalid, match="Compare again"):
        hosts.confirm_host_key(actor=admin, environment=far, fingerprint_seen=fingerprint(KEY))
    assert host_of(far).host_key == ""

    host = hosts.confirm_host_key(actor=admin, environment=far, fingerprint_seen=fingerprint(OTHER))
    assert (host.host_key, host.confirmed_by, host.state) == (OTHER, "ada", HostState.AWAY)
    event = Event.objects.get(verb="environment.host_key_confirmed")
    assert (event.actor_name, event.after["fingerprint"]) == ("ada", fingerprint(OTHER))
    hosts.record_offered_key(host=host, key=KEY)
    assert host_of(far).state == HostState.CHANGED
    assert fingerprint(KEY) in availability_of(far).sentence
    assert "Admin" in availability_of(far).who
    hosts.record_offered_key(host=host, key=OTHER)  # it was somebody else, or a moment
    assert host_of(far).state == HostState.AWAY


def test_a_host_that_comes_and_goes_is_an_event_each_time(admin, far):
    hosts.record_offered_key(host=host_of(far), key=KEY)
    hosts.confirm_host_key(actor=admin, environment=far, fingerprint_seen=fingerprint(KEY))
    before = len(verbs())
    for _ in range(2):
        hosts.record_check(host=host_of(far), is_connected=True, version="28.1.1")
    assert availability_of(far).is_available
    assert availability_of(far).version == "28.1.1"
    for _ in range(2):
        hosts.record_check(host=host_of(far), is_connected=False, reason=Reason.SILENT, detail="Timeout")
    assert not availability_of(far).is_available
    assert verbs()[before:] == ["environment.host_connected", "environment.host_away"]


def test_somebody_may_ask_for_a_look(admin, manager, far, staging):
    with pytest.raises(Blocked):
        hosts.request_check(actor=manager, environment=far)
    with pytest.raises(Invalid):
        hosts.request_check(actor=admin, environment=staging)
    host = hosts.request_check(actor=admin, environment=far)
    hosts.request_check(actor=admin, environment=far)
    hosts.finish_check(host=host)
    assert host_of(far).look_wanted_at is not None, "what was asked for since then stays"
    hosts.finish_check(host=host_of(far))
    assert host_of(far).look_wanted_at is None


def test_an_environment_in_use_stays_on_its_machine(admin, far, hello):
    Host.objects.update(host_key=KEY, offered_key=KEY, is_connected=True, version="1", seen_at=timezone.now())
    request_deployment(actor=admin, application=hello, environment=far, artifact=make_artifact(hello))
    with pytest.raises(Blocked):
        edit_environment(actor=admin, environment=far, options={"host": "ssh://deploy@elsewhere.example.com"})
    with pytest.raises(Blocked):
        edit_environment(actor=admin, environment=far, options={})
    edit_environment(actor=admin, environment=far, options={"host": ADDRESS, "memory_mb": 512})


def facts(**more: Any) -> HostFacts:
    known = {"host_key": KEY, "offered_key": KEY, "is_connected": False, "reason": "", "version": "28", "seen_at": NOW}
    return HostFacts(ADDRESS, **{**known, **more})


@pytest.mark.parametrize(
    ("more", "state", "word"),
    [
        ({"host_key": "", "offered_key": "", "seen_at": None}, HostState.ASKING, "is being asked for its key"),
        ({"host_key": "", "offered_key": "", "reason": Reason.REFUSED}, HostState.ASKING, "nothing listens for SSH"),
        pytest.param(
            {"host_key": ""}, HostState.UNCONFIRMED, fingerprint(KEY), id="unconfirmed"
        ),  # a key made anew each time
        ({"offered_key": OTHER, "is_connected": True}, HostState.CHANGED, "Nothing is sent there"),
        ({"is_connected": True}, HostState.CONNECTED, "Docker Engine 28 on deploy@docker.example.com"),
        ({"is_connected": True, "seen_at": NOW - timedelta(minutes=5)}, HostState.AWAY, "No worker has looked"),
        ({"seen_at": None}, HostState.AWAY, "is being connected to"),
        ({"reason": Reason.UNRESOLVED}, HostState.AWAY, "its name is not known"),
        ({"reason": Reason.SILENT}, HostState.AWAY, "it does not answer"),
        ({"reason": Reason.UNTRUSTED}, HostState.AWAY, "another key"),
        ({"reason": Reason.DENIED}, HostState.AWAY, "~deploy/.ssh/authorized_keys"),
        ({"reason": Reason.NO_SSH}, HostState.AWAY, "has no ssh"),
        ({"reason": Reason.NO_ENGINE}, HostState.AWAY, "/var/run/docker.sock"),
        ({"reason": Reason.OTHER}, HostState.AWAY, "cannot be reached"),
    ],
)
def test_each_state_has_its_words(more: dict[str, Any], state: HostState, word: str) -> None:
    assert host_state(facts(**more), NOW) == state
    assert word in host_sentence(facts(**more), NOW)
    assert who_clears(facts(**more), NOW)
