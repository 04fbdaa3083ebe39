"""The ``docker`` runtime: a Docker Engine, used through its API, never through a shell.

Pure: `options`, `plan` (requests), `readback` (answers), `failures` (errors), `leftovers`, `pulling`. With I/O: `daemon`,
`streams`, `endpoints` (an Engine here, or one through a tunnel), and the methods in `images`, `networks`, `containers`,
`commands`, `files`, `beyond`, `output`. `runtime` has the class that Fairway uses.

Nothing is imported here, because the pure modules are useful without the Docker SDK, which takes 6 MB and about 0.15 s of
each start.
"""
