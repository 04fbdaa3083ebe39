"""The page with the output of running instances."""

from __future__ import annotations

import re

from fairway.deployments.models import Placement


def test_each_line_says_which_instance_printed_it(admin, browse, hello, staging):
    """A service with an image of its own belongs to no deployment, so it is called by its name alone."""
    seen = {"state": "running", "health": None, "replica": 0}
    observed = [
        {**seen, "name": "fairway-hello.staging-d42-0", "service": "web", "deployment": "d42"},
        {**seen, "name": "fairway-hello.staging-d42-worker-0", "service": "worker", "deployment": "d42"},
        {**seen, "name": "fairway-hello.staging-s0f1e2d3c4-db-0", "service": "db", "deployment": "s0f1e2d3c4"},
    ]
    Placement.objects.create(application=hello, environment=staging, observed=observed)
    page = browse(admin).get("/applications/hello/logs").content.decode()
    assert re.findall(r">\s*(d42 · 1|d42 · worker 1|db|s0f1e2d3c4 · .*?)\s*<", page) == ["d42 · 1", "d42 · worker 1", "db"]
