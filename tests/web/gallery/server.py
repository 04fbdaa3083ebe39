"""The gallery over HTTP, without a database."""

from __future__ import annotations

import os
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128  # a browser asks for everything at once


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


def server(port: int = 0) -> Server:
    """A server on 127.0.0.1 (a free port when 0), with the gallery's own settings; call it in a process of its own."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.web.gallery.settings"
    from django.core.wsgi import get_wsgi_application

    return make_server("127.0.0.1", port, get_wsgi_application(), Server, Quiet)
