"""The ``docker`` runtime: Docker Engine over its API, never a shell.

Pure: `options`, `plan` (requests), `readback` (answers), `failures` (errors), `pulling`. Thin: `daemon`, `streams`, `ways`
(here, or through a tunnel), and the verbs in `images`, `networks`, `containers`, `beyond`, `output`. `runtime` is the door.

Nothing is imported here: the pure modules are of use without the Docker SDK, which takes 6 MB and some 0.15 s of each start.
"""
