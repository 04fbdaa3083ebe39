"""Requests the deployment of what was pushed, soon after a webhook told of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction

from fairway.engine.workflow import Context, Step, Workflow
from fairway.pipelines.commands.deliveries import deploy_newest
from fairway.pipelines.commands.previews import STORY, advance_previews


def request(context: Context) -> Mapping[str, Any]:
    """Request the deployment of the newest push; in one transaction under the run's fence, so that it is requested once.
    Previews follow their requests, each in a transaction of its own."""
    advance_previews(trigger=context.payload["trigger"])
    with transaction.atomic():
        context.checkpoint()
        deployment = deploy_newest(number=context.payload["trigger"])
        return {"deployment": deployment.pk if deployment else None}


PUSH = Workflow(kind=STORY, steps=(Step("request", request, deadline=timedelta(minutes=2)),))
