"""The tiny application as an image."""

from __future__ import annotations

import json
from typing import Any

from tests.services.docker import Engine, build
from tests.workflows import tinyapp

DOCKERFILE = """
FROM {base}
WORKDIR /app
COPY main.py knobs.json ./
ENV HOST=0.0.0.0 PORT=8080
EXPOSE 8080
{check}
CMD ["python3", "main.py"]
"""


def tiny_image(engine: Engine, base: str, tag: str, *, version: str = "", check: str = "", **knobs: Any) -> str:
    """Built on the Engine; its reference. `version` (else `tag`) is what it answers, `check` a HEALTHCHECK line."""
    files = {
        "Dockerfile": DOCKERFILE.format(base=base, check=check),
        "main.py": tinyapp.MAIN,
        "knobs.json": json.dumps({"version": version or tag, **knobs}),
    }
    with engine.client() as client:
        build(client, f"fairway-tests/tiny:{tag}", files)
    return f"fairway-tests/tiny:{tag}"
