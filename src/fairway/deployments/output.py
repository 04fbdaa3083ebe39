"""Masks secrets in what instances print."""

from __future__ import annotations

from collections.abc import Iterable

from fairway.applications.secrets import open_secrets
from fairway.deployments.models import Deployment, Placement
from fairway.shared.masking import Masker


def masker_of_output(placement: Placement, labels: Iterable[str]) -> Masker:
    """A masker for the secrets of every configuration that an instance here was started with, because old instances may
    still run. One with an image of its own has the values of the version that serves, or of the one before.

    `labels` are the labels of the instances' deployments (``d17``).
    """
    numbers = [int(label[1:]) for label in labels if label[:1] == "d" and label[1:].isdigit()]
    before = placement.current.replaces_id if placement.current else None
    chosen = Deployment.objects.filter(pk__in=[*numbers, placement.current_id, before], application=placement.application_id)
    secrets = [open_secrets(deployment.configuration) for deployment in chosen.select_related("configuration")]
    return Masker(value for values in secrets for value in values.values())
