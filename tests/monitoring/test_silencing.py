"""A silence keeps channels quiet about a cause, whichever topic tells it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fairway.deployments.commands.placements import observe
from fairway.monitoring.models import Silence
from fairway.notifications.commands.outbox import make_notices
from fairway.notifications.models import Channel, Notice
from tests.monitoring.conftest import place

ROUTES = [{"topics": ["down"], "environments": [], "applications": []}]


def heard(placed, health="down"):
    """How many notices there are after the placement was seen in another state."""
    observe(placement=placed, health=health, drift=[], observed=[])
    make_notices()
    return Notice.objects.count()


@pytest.fixture
def channel(placed):
    return Channel.objects.create(name="ops", kind="webhook", routes=ROUTES)


@pytest.mark.parametrize(("about", "count"), [({}, 0), ({"kind": "down"}, 0), ({"kind": "errors"}, 1)])
def test_what_is_silenced_is_not_told_by_the_topic_that_tells_it_at_once(placed, channel, about, count):
    soon = timezone.now() + timedelta(hours=1)
    Silence.objects.create(environment=placed.environment, until=soon, reason="Repairs", created_by="ada", **about)
    assert heard(placed) == count


def test_a_silence_of_another_place_or_that_is_over_keeps_nobody_quiet(placed, hello, production, channel):
    place(hello, production)
    soon, ago = timezone.now() + timedelta(hours=1), timezone.now() - timedelta(hours=1)
    Silence.objects.create(environment=production, until=soon, reason="Repairs", created_by="ada")
    Silence.objects.create(environment=placed.environment, until=ago, reason="Repairs", created_by="ada")
    assert heard(placed) == 1
