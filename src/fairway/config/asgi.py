"""The web process's entry."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fairway.config.settings")
_django = get_asgi_application()  # sets Django up, which what follows needs

from django.conf import settings  # noqa: E402

from fairway.api.receiving import BodyLimit  # noqa: E402
from fairway.config.forwarded import Forwarded  # noqa: E402
from fairway.web.live import Streams  # noqa: E402

_streams = Streams(BodyLimit(_django))  # type: ignore[arg-type]  # Django types its messages as Mapping
application = Forwarded(_streams, settings.TRUSTED_PROXIES)
