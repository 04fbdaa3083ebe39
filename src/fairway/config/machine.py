"""How everything of this machine's Fairway is stopped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor


def stop_everything() -> None:
    """Stop the applications of this machine's own runtimes, then their resources, and the proxy, and hang up on other hosts;
    volumes, data and containers stay.

    What a placement or a resource should be is not changed: the next ``fairway up`` starts it again.
    """
    from fairway.environments.models import Environment
    from fairway.environments.runtimes import runtime_of
    from fairway.resources.servers import stop_resources
    from fairway.worker.hosts import close_tunnels
    from fairway.workflows.outside import caddy

    process = Environment.objects.filter(deleted_at=None, runtime="process").first()
    if process is not None:
        runtime = runtime_of(process)
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(lambda one: runtime.ensure_stopped(one.name), runtime.instances()))
    stop_resources()
    caddy().stop()
    close_tunnels()
