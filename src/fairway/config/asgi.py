"""The web process's entry."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fairway.config.settings")
_django = get_asgi_application()  # sets Django up, which what follows needs

from django.db import connections  # noqa: E402

from fairway.api.receiving import BodyLimit  # noqa: E402
from fairway.web.live import Streams  # noqa: E402

# Each request has a thread of its own here; a connection that outlives its request would be kept for nobody (seen: 100
# requests, 100 connections, "too many clients"). Source: Django, "Databases", persistent connections and ASGI.
connections.settings["default"]["CONN_MAX_AGE"] = 0

application = Streams(BodyLimit(_django))  # type: ignore[arg-type]  # Django types its messages as Mapping
