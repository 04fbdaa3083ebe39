from tests.services.far_host import far_host  # noqa: F401
