"""Whom Fairway names is signed in, and may upload."""

from datasette import hookimpl


@hookimpl
def actor_from_request(request):
    name = request.headers.get("x-fairway-user")
    return {"id": name, "name": request.headers.get("x-fairway-name") or name} if name else None


@hookimpl
def permission_allowed(actor, action):
    return True if actor and action in ("upload-csvs", "upload-dbs") else None
