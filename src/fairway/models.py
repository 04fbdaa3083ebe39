"""The one Django app's tables, gathered from the rooms."""

from fairway.accounts.models import *  # noqa: F403
from fairway.activity.models import *  # noqa: F403
from fairway.applications.models import *  # noqa: F403
from fairway.catalog.models import *  # noqa: F403
from fairway.deployments.models import *  # noqa: F403
from fairway.engine.models import *  # noqa: F403
from fairway.environments.models import *  # noqa: F403
from fairway.monitoring.models import *  # noqa: F403
from fairway.notifications.models import *  # noqa: F403
from fairway.pipelines.models import *  # noqa: F403
from fairway.releases.models import *  # noqa: F403
from fairway.resources.models import *  # noqa: F403
