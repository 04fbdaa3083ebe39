"""The ASGI application of the web process."""

import os

import django
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fairway.config.settings")
django.setup(set_prefix=False)  # before the imports that need it

from django.conf import settings  # noqa: E402
from django.http import HttpRequest, HttpResponseBase  # noqa: E402

from fairway.api.receiving import BodyLimit  # noqa: E402
from fairway.config.forwarded import Forwarded  # noqa: E402
from fairway.config.https_only import HttpsOnly  # noqa: E402
from fairway.drivers.proxy.token import pages_token, shared_token  # noqa: E402
from fairway.web.live import Streams  # noqa: E402
from fairway.web.waking import Waking  # noqa: E402


class OneThread(ASGIHandler):
    """Django's handler, but middleware and view run in one call in the request's thread. Django's own handler returns to the
    event loop between them, because a view may be asynchronous; none of Fairway's views is."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the middleware chain for calls from threads."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response of the middleware chain."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)


_streams = Streams(BodyLimit(OneThread()))  # type: ignore[arg-type]  # Django types its messages as Mapping
_own = pages_token(shared_token(settings.DATA.folder("caddy")))
_pages = HttpsOnly(_streams, settings.PUBLIC_URL) if settings.OWN_HOST and settings.IS_HTTPS else _streams
application = Waking(Forwarded(_pages, settings.TRUSTED_PROXIES, _own), lambda: _streams.is_ending)
