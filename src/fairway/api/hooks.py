"""Webhooks of repositories: what is pushed is recorded and answered at once; a worker deploys it.

There is no session and no token here: the signature says who sent it, and it is verified before anything is read.
"""

from __future__ import annotations

from typing import Any

from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from fairway.accounts.permissions import public
from fairway.accounts.rules import NotVisible
from fairway.api.problems import problem
from fairway.api.receiving import TOO_LARGE
from fairway.pipelines.commands.deliveries import Incoming, Receipt, receive, webhook
from fairway.pipelines.rules import Outcome

STATUSES = {
    "unsigned": 403,
    "signature": 403,
    "too_old": 403,
    "not_json": 400,
    "replayed": 409,
    "too_large": 413,
    "too_many": 429,
}
UNREADABLE = 422  # anything else that was refused
CHUNK = 256 * 1024
TRIES = 3
NOWHERE = "There is no webhook with this address."


@csrf_exempt
@require_POST
@public("a Git server has no session; each request is signed with the secret of its webhook")
def receive_hook(request: HttpRequest, public_id: str) -> HttpResponse:
    """Take one delivery: 202 if it will be deployed, 200 if there is nothing to deploy, else why it is refused."""
    try:
        webhook(public_id)  # before the body is read, which may be large
    except NotVisible:
        return problem(404, "not_found", NOWHERE)
    scope: dict[str, Any] = getattr(request, "scope", {})
    incoming = Incoming(
        headers={name.lower(): value for name, value in request.headers.items()},
        body=b"".join(iter(lambda: request.read(CHUNK), b"")),
        address=request.META.get("REMOTE_ADDR", "")[:60],
        is_too_large=bool(scope.get(TOO_LARGE)),
    )
    try:
        return _answer(_received(public_id, incoming))
    except NotVisible:
        return problem(404, "not_found", NOWHERE)


def _received(public_id: str, incoming: Incoming) -> Receipt:
    """What became of it. Whoever sends a webhook does not send it again by itself, so a database that is busy for too long
    (SQLite has one writer, and no order among those who wait) is asked again."""
    for _ in range(TRIES - 1):
        try:
            return receive(public_id=public_id, incoming=incoming)
        except OperationalError:
            if not connection.in_atomic_block:  # a transaction around this keeps its connection
                connection.close_if_unusable_or_obsolete()
    return receive(public_id=public_id, incoming=incoming)


def _answer(receipt: Receipt) -> HttpResponse:
    if receipt.outcome == Outcome.REFUSED:
        response = problem(STATUSES.get(receipt.code, UNREADABLE), receipt.code, receipt.sentence)
        if receipt.code == "too_large":
            response["Connection"] = "close"  # the rest of the body was not read
        return response
    status = 202 if receipt.outcome in (Outcome.ACCEPTED, Outcome.PREVIEWED) else 200
    return JsonResponse({"status": receipt.outcome, "detail": receipt.sentence}, status=status)
