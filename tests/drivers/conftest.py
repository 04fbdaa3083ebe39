"""The services that tests of several drivers share."""

from tests.services.docker import docker_base, docker_engine, docker_registry  # noqa: F401
