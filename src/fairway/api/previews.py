"""Previews: what runs for each pull or merge request, until it ends."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act
from fairway.api.routing import PermissionRouter
from fairway.api.schemas import Asked, Given, Named, Number, Text
from fairway.pipelines.commands import previews as commands
from fairway.pipelines.models import Preview
from fairway.pipelines.preview_queries import get_preview, visible_to
from fairway.pipelines.preview_rules import End, PreviewState
from fairway.pipelines.remarks import live_placement, why_ended
from fairway.pipelines.report_words import trouble_sentence
from fairway.shared.names import LONGEST_APPLICATION

router = PermissionRouter(tags=["previews"])
MOST_SHOWN = 200


class PreviewShown(Schema):
    """What runs for one pull or merge request. `number` is the request's, `page` its page at the forge. `url` is empty while
    nothing is live. `name` is the slug of the application that runs, empty while there is none. `commit` is the request's
    newest commit; one of a fork is built once it is `approved`. `sentence` says why nothing could be deployed, `trouble` why
    the comment on the request could not be written."""

    id: int
    application: Named
    environment: Named
    number: int
    title: str
    author: str
    branch: str
    page: str
    is_fork: bool
    is_waiting_for_approval: bool
    commit: str
    approved: str
    approved_by: str
    state: PreviewState
    url: str
    name: str
    deployment: int | None
    sentence: str
    trouble: str
    ends_at: datetime
    end: End | None
    why_ended: str
    ended_at: datetime | None
    created_at: datetime


class PreviewsAsked(Asked):
    """Only those of this application, of this request, or in this state; `alive`: without ended ones."""

    application: Text = Field("", max_length=LONGEST_APPLICATION)
    number: int | None = Field(None, ge=1, le=999_999_999)
    alive: bool = False


class CommitApproved(Given):
    """The full id of the commit that you have looked at."""

    commit: Text = Field(min_length=40, max_length=64)


@router.get("/previews", response=list[PreviewShown])
@needs(Act.VIEW)
def list_previews(request: HttpRequest, asked: Query[PreviewsAsked]) -> list[PreviewShown]:
    """The newest previews, 200 at most."""
    found = visible_to(actor_of(request))
    if asked.application:
        found = found.filter(application__slug=asked.application)
    if asked.number is not None:
        found = found.filter(number=asked.number)
    if asked.alive:
        found = found.exclude(state=PreviewState.ENDED)
    return [_shown(one) for one in found[:MOST_SHOWN]]


@router.get("/previews/{number}", response=PreviewShown)
@needs(Act.VIEW)
def show_preview(request: HttpRequest, number: Number) -> PreviewShown:
    """One preview."""
    return _shown(get_preview(actor_of(request), number))


@router.post("/previews/{number}/approval", response=PreviewShown)
@needs(Act.DEPLOY)
def approve_preview(request: HttpRequest, number: Number, given: CommitApproved) -> PreviewShown:
    """Let a commit of a fork be built and run, without secrets. It must be the request's newest."""
    actor = actor_of(request)
    commands.approve_preview(actor=actor, preview=get_preview(actor, number), commit=given.commit.lower())
    return _shown(get_preview(actor, number))


@router.post("/previews/{number}/extension", response=PreviewShown)
@needs(Act.DEPLOY)
def extend_preview(request: HttpRequest, number: Number) -> PreviewShown:
    """Let it last as long from now on as a new one."""
    actor = actor_of(request)
    commands.keep_preview(actor=actor, preview=get_preview(actor, number))
    return _shown(get_preview(actor, number))


@router.delete("/previews/{number}", response=PreviewShown)
@needs(Act.REMOVE)
def delete_preview(request: HttpRequest, number: Number) -> PreviewShown:
    """Remove it with all that it stored; it comes back with the next push to the request."""
    actor = actor_of(request)
    commands.remove_preview(actor=actor, preview=get_preview(actor, number))
    return _shown(get_preview(actor, number))


def _shown(one: Preview) -> PreviewShown:
    same = (
        *("number", "title", "author", "branch", "page", "is_fork", "commit", "approved", "approved_by", "state"),
        *("sentence", "ends_at", "ended_at", "created_at"),
    )
    live = live_placement(one)
    return PreviewShown(
        **{name: getattr(one, name) for name in same},
        id=one.pk,
        application=Named(slug=one.application.slug, name=one.application.name),
        environment=Named(slug=one.environment.slug, name=one.environment.name),
        is_waiting_for_approval=one.waits_for_approval,
        url=live.url if live else "",
        name=one.copy.slug if one.copy else "",
        deployment=one.deployment_id,
        trouble=trouble_sentence(one.trouble, one.said),
        end=End(one.end) if one.end else None,
        why_ended=why_ended(one),
    )
