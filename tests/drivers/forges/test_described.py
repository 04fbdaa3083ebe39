"""What Fairway sends to GitHub is what GitHub's own description of its API allows: Prism refuses everything else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairway.drivers.forges.contract import Forge
from fairway.drivers.forges.github import GitHub
from fairway.drivers.forges.hooks import GitHubHooks, Hook, Sent
from fairway.drivers.forges.repositories import repositories
from fairway.drivers.forges.statuses import Place, Progress, Remark, Report
from fairway.drivers.posting import Line
from fairway.drivers.taking import NotTaken
from tests.services.github_described import described_github

pytestmark = pytest.mark.node
COMMIT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with described_github() as address:
        yield Place(Forge.GITHUB, address, "octocat/hello", "token")


@pytest.fixture
def github(place: Place) -> GitHub:
    return GitHub(Line(None, seconds=60), place)


@pytest.fixture
def hooks(place: Place) -> GitHubHooks:
    return GitHubHooks(Line(None, seconds=60), place)


def report(progress: Progress, **more: object) -> Report:
    values = {
        "commit": COMMIT,
        "context": "fairway/staging",
        "environment": "Staging",
        "is_production": False,
        "page": "https://fairway.example.com/deployments/7",
        "description": "Deployed to Staging",
        "url": "https://shop.staging.example.com",
    }
    return Report(progress, **{**values, **more})


def test_a_deployment_is_looked_for_and_made(github: GitHub) -> None:
    assert github.opened(report(Progress.QUEUED), frozenset())


@pytest.mark.parametrize("progress", list(Progress))
@pytest.mark.parametrize("is_repeated", [False, True])
def test_each_progress_is_told(github: GitHub, progress: Progress, is_repeated: bool) -> None:
    github.tell(report(progress), "1", is_repeated=is_repeated)


def test_it_can_be_tried(github: GitHub) -> None:
    github.try_it()


@pytest.mark.parametrize("number", ["", "42"])
def test_a_comment_is_looked_for_made_and_changed(github: GitHub, number: str) -> None:
    assert github.remark(Remark(12, "<!-- a mark -->", "<!-- a mark -->\nIt is live."), number)


def test_repositories_are_listed(place: Place) -> None:
    (one, *_more) = repositories(Line(None, seconds=60), place).repositories
    assert (one.path, one.url) == ("octocat/Hello-World", "https://github.com/octocat/Hello-World.git")


@pytest.mark.parametrize("number", ["", "42"])
@pytest.mark.parametrize("is_of_requests", [False, True])
def test_a_webhook_is_looked_for_made_and_changed(hooks: GitHubHooks, number: str, is_of_requests: bool) -> None:
    hook = Hook("https://fairway.example.com/hooks/x", "a secret", is_of_requests=is_of_requests)
    assert hooks.ensure(hook, number)


def test_what_was_sent_is_read_and_sent_again_and_a_webhook_is_removed(hooks: GitHubHooks) -> None:
    found = hooks.sent("42")
    assert found
    assert all(isinstance(one, Sent) and one.at and one.number for one in found)
    hooks.send_again("42", found[0].number)
    hooks.remove(Hook("https://fairway.example.com/hooks/x", "a secret"), "42")


def test_what_the_description_does_not_allow_is_refused(github: GitHub) -> None:
    """So the tests above can fail."""
    with pytest.raises(NotTaken):
        github.tell(report(Progress.SUCCESS, description=7), "1", is_repeated=False)
