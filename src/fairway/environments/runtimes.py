"""Opens the runtimes of environments and tells whether they are available."""

from __future__ import annotations

import json
import time
from typing import Any

from django.conf import settings
from django.utils import timezone

from fairway.drivers.runtimes.contract import Availability, Limits, Runtime
from fairway.drivers.runtimes.registry import FAKE, UnavailableRuntime, availability, open_runtime
from fairway.environments.host_rules import HostState, host_sentence, host_state, who_clears
from fairway.environments.models import Environment, Host
from fairway.environments.queries import host_of
from fairway.environments.rules import LIMIT_KEYS
from fairway.environments.secrets import opened_options

_FRESH_FOR = 5.0  # seconds that an answer is cached, because asking Docker costs a round trip
_MOST_OPEN = 32  # cached runtimes; an environment whose options change leaves one behind
_opened: dict[tuple[str, str, str], Runtime] = {}
_answers: dict[tuple[str, str], tuple[float, Availability]] = {}


def runtime_of(environment: Environment) -> Runtime:
    """The environment's runtime. Never raises: for a runtime that cannot be opened, it returns one that says why.

    Returns the same object for the same options, so that connections are reused: connecting to a Docker Engine takes 10 ms.
    Runtimes are thread-safe.
    """
    options, folder = driver_options(environment), settings.DATA.folder()
    key = (environment.runtime, json.dumps(options, sort_keys=True), str(folder))
    known = _opened.get(key)
    if known is not None:
        return known
    runtime = open_runtime(environment.runtime, options, folder)
    if environment.runtime != FAKE and not isinstance(runtime, UnavailableRuntime):
        while len(_opened) >= _MOST_OPEN:
            _opened.pop(next(iter(_opened)), None)
        _opened[key] = runtime
    return runtime


def driver_options(environment: Environment) -> dict[str, Any]:
    """The options for the runtime itself, without the limits, which Fairway applies."""
    return opened_options({name: value for name, value in environment.options.items() if name not in LIMIT_KEYS})


def limits_of(environment: Environment, *, memory_bytes: int | None, cpus: float | None, pids: int | None = None) -> Limits:
    """The environment's limits, or the application's where these are lower."""
    options, default = environment.options, Limits()
    most_memory = int(options["memory_mb"] * 2**20) if "memory_mb" in options else default.memory_bytes
    most_cpus = float(options.get("cpus", default.cpus or 1.0))
    return Limits(
        memory_bytes=min(filter(None, (memory_bytes, most_memory)), default=None)
        if "memory_mb" in options
        else memory_bytes or most_memory,
        cpus=min(cpus, most_cpus) if cpus and "cpus" in options else cpus or most_cpus,
        pids=min(filter(None, (pids, options.get("pids"))), default=default.pids or 512),
    )


def host_availability(host: Host) -> Availability:
    """The availability that the worker recorded at its last check; this function connects to nothing."""
    now = timezone.now()
    is_there = host_state(host.facts, now) is HostState.CONNECTED
    who = "" if is_there else who_clears(host.facts, now)
    return Availability(is_there, host_sentence(host.facts, now), host.version if is_there else "", who)


def availability_of(environment: Environment) -> Availability:
    """Whether the environment's runtime can be used. For a remote host, the result of a worker's last check; otherwise an
    answer at most `_FRESH_FOR` seconds old. Never raises."""
    if host := host_of(environment):
        return host_availability(host)
    key = (environment.runtime, repr(sorted(environment.options.items())))
    asked, answer = _answers.get(key, (-_FRESH_FOR, Availability(False, "")))
    if time.monotonic() - asked < _FRESH_FOR:
        return answer
    answer = availability(runtime_of(environment))
    _answers[key] = (time.monotonic(), answer)
    return answer
