"""The ``docker`` runtime: Docker Engine over its API, never a shell.

Pure: `options`, `plan` (requests), `readback` (answers), `failures` (errors), `pulling`. Thin: `daemon`, `streams`, `ways`
(here, or through a tunnel), and the verbs in `images`, `networks`, `containers`, `output`. `runtime` is the door.
"""

from fairway.drivers.runtimes.docker.runtime import DockerRuntime

__all__ = ["DockerRuntime"]
