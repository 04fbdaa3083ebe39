"""What a Docker Engine itself says of Fairway's containers, asked behind Fairway's back."""

from __future__ import annotations

from typing import Any

from tests.services.docker import Engine
from tests.services.installation import Installation


def containers_of(engine: Engine, placement: str) -> list[dict[str, Any]]:
    """A placement's containers, stopped ones included; by name."""
    with engine.client() as client:
        listed = client.containers(all=True, filters={"label": f"fairway.placement={placement}"})
        return [client.inspect_container(one["Id"]) for one in sorted(listed, key=lambda one: one["Names"])]


def ids_of(engine: Engine, placement: str) -> list[str]:
    return [str(one["Id"]) for one in containers_of(engine, placement)]


def images_of(engine: Engine, placement: str) -> set[str]:
    """The ids of the images its containers run."""
    return {str(one["Image"]) for one in containers_of(engine, placement)}


def has_image(engine: Engine, image: str) -> bool:
    with engine.client() as client:
        return any(image == one["Id"] for one in client.images(all=True))


def is_healthy(fairway: Installation, slug: str, environment: str, replicas: int = 1) -> bool:
    """Whether Fairway has seen exactly what should be there."""
    shown = fairway.placement(slug, environment)
    return (shown["health"], len(shown["instances"]), shown["drift"]) == ("healthy", replicas, [])
