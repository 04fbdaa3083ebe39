"""Serve the gallery on 127.0.0.1:8900 (or the port given); prints its address when it answers."""

import sys

from tests.web.gallery.server import server

with server(int(sys.argv[1]) if len(sys.argv) > 1 else 8900) as gallery:
    print(f"http://127.0.0.1:{gallery.server_port}/gallery", flush=True)
    gallery.serve_forever()
