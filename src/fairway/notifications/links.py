"""Where the page is of what an event is about."""

from __future__ import annotations

from django.urls import reverse

from fairway.activity.models import Event
from fairway.releases.models import Rollout
from fairway.resources.models import Backup, Resource


def path_of(event: Event) -> str:
    """The path of the page; "" if there is none. Asks the database nothing."""
    kind, number, application = event.subject_kind, event.subject_id, event.application
    if kind == "deployment":
        return reverse("deployment-detail", args=[number])
    if kind == "job":
        return reverse("command-detail", args=[number])
    if kind == "schedule" and application:
        return f"{reverse('application-commands', args=[application])}?environment={event.environment}"
    if kind == "trigger" and application:
        return f"{reverse('application-deployments', args=[application])}#deploy-on-push"
    if kind == "stage" and application:
        return f"{reverse('application-deployments', args=[application])}#pipeline"
    if kind in {"application", "placement", "artifact"} and application:
        return reverse("application-detail", args=[application])
    if kind == "configuration" and application:
        return f"{reverse('application-configuration', args=[application])}?environment={event.environment}"
    if kind == "alert":
        return reverse("alert-detail", args=[number])
    if event.verb == "alert.rules_set" or kind == "silence":
        return reverse("environment-alerts", args=[event.environment])
    if kind == "environment" and event.environment:
        return reverse("environment-detail", args=[event.environment])
    if kind == "release":
        return reverse("release-detail", args=[number])
    if kind == "channel":
        return reverse("channel", args=[number])
    return ""


def nearest_path(event: Event) -> str:
    """The path of the page that tells most of the event; the list of events if nothing else does."""
    if event.subject_kind == "rollout" and (rollout := Rollout.objects.filter(pk=event.subject_id).first()):
        return reverse("rollout-detail", args=[rollout.release_id, rollout.pk])
    if event.subject_kind in ("resource", "backup") and (path := _of_resource(event)):
        return path
    return path_of(event) or reverse("event-list")


def _of_resource(event: Event) -> str:
    number: str | int = event.subject_id
    if event.subject_kind == "backup":
        number = Backup.objects.filter(pk=event.subject_id).values_list("resource", flat=True).first() or 0
    resource = Resource.objects.filter(pk=number, deleted_at=None).select_related("environment").first()
    return reverse("resource-detail", args=[resource.environment.slug, resource.name]) if resource else ""
