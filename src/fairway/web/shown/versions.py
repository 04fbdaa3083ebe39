"""Which version to deploy: those there are, the source's newest, or a folder that was just uploaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.urls import reverse

from fairway.accounts.rules import Act, Actor, may
from fairway.applications.models import Application, Artifact
from fairway.applications.queries import artifacts_of, latest_configuration
from fairway.applications.queries import upload as upload_named
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import Placement
from fairway.deployments.queries import expected_total_seconds, placements_visible_to
from fairway.drivers.forgotten import LEFT_OUT
from fairway.environments.models import Environment
from fairway.environments.queries import visible_to as environments_visible_to
from fairway.web.errors import shown
from fairway.web.shown.applications import head, source_text
