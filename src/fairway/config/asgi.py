"""The web process's entry."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fairway.config.settings")
_django = get_asgi_application()  # before anything of ours: it makes the models

from fairway.web.live import Streams  # noqa: E402

application = Streams(_django)
