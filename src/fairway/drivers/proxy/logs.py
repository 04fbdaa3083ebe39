"""What Caddy writes into which log. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

TRAFFIC_LOG = "traffic.log"
# What the log of requests leaves out, so that no visitor, address, path or cookie is ever in it.
_PRIVATE = ("request", "resp_headers", "user_id", "bytes_read")


def logs(*, hidden: Sequence[str]) -> Json:
    """Caddy's own warnings, and one line about each request to an application (see `traffic.py`). The headers
    `hidden` are left out of the former."""
    own = {"output": "file", "filename": "caddy.log", "roll_size_mb": 10, "roll_keep": 5, "mode": "0600"}
    fields = {f"request>headers>{name}": {"filter": "delete"} for name in hidden}
    return {
        "default": {
            "writer": own,
            "encoder": {"format": "filter", "wrap": {"format": "json"}, "fields": fields},
            "level": "WARN",
            "exclude": ["http.log.access"],
        },
        "traffic": {
            "writer": {
                "output": "file",
                "filename": TRAFFIC_LOG,
                "roll_size_mb": 10,
                "roll_keep": 3,
                "roll_gzip": False,
                "mode": "0600",
            },
            "encoder": {
                "format": "filter",
                "wrap": {"format": "json", "level_key": "", "name_key": "", "message_key": ""},
                "fields": {name: {"filter": "delete"} for name in _PRIVATE},
            },
            "include": ["http.log.access.traffic"],
        },
    }
