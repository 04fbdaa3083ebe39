"""What an instance's two files say about it, in the words of the runtime contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fairway.drivers.runtimes.contract import MAIN, Instance, InstanceState


def described(name: str, facts: Mapping[str, Any], state: Mapping[str, Any], now: InstanceState) -> Instance:
    """The instance: `facts` were written by whoever started it, `state` by its shim, and `now` is the state that counts."""
    is_up = now in (InstanceState.RUNNING, InstanceState.RESTARTING)
    since, volumes = state.get("started_at"), facts.get("volumes")
    return Instance(
        name=name,
        placement=str(facts["placement"]),
        deployment=str(facts["deployment"]),
        replica=int(facts["replica"]),
        state=now,
        address=f"127.0.0.1:{state['port']}" if is_up and state["port"] else "",
        digest=str(state.get("digest", "")),
        started_at=datetime.fromtimestamp(since, UTC) if since else None,
        restarts=int(state.get("restarts", 0)),
        exit_code=state.get("exit_code"),
        health=state.get("health"),
        health_output=str(state.get("health_output") or ""),
        volumes=None if volumes is None else frozenset(volumes),
        doing=str(state.get("doing") or ""),
        ended_in=state.get("ended_in"),
        service=str(facts.get("service", MAIN)),
        out_of_memory=state.get("ended_by") == "memory",
    )
