"""GitHub's own description of its API (``@octokit/openapi``), served by Prism, which refuses what the description does not
allow."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.node import node_program
from tests.services.ports import free_port

PACKAGES = ("@stoplight/prism-cli@5.14.2", "@octokit/openapi@23.0.2")
OPERATIONS = (
    "get /repos/{owner}/{repo}",
    "get /repos/{owner}/{repo}/deployments",
    "post /repos/{owner}/{repo}/deployments",
    "get /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
    "post /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
    "post /repos/{owner}/{repo}/statuses/{sha}",
    "get /repos/{owner}/{repo}/commits/{ref}/status",
    "get /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "post /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "patch /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "get /user/repos",
    "get /repos/{owner}/{repo}/hooks",
    "post /repos/{owner}/{repo}/hooks",
    "patch /repos/{owner}/{repo}/hooks/{hook_id}",
    "delete /repos/{owner}/{repo}/hooks/{hook_id}",
    "get /repos/{owner}/{repo}/hooks/{hook_id}/deliveries",
    "post /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts",
)


@contextmanager
def described_github() -> Iterator[str]:
    """The address of a server that answers with examples, and with 4xx to what GitHub's description does not allow."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    program = Path(__file__).with_suffix(".mjs")
    words = [str(port), *OPERATIONS]
    with node_program(PACKAGES, program, words, least=20, ready=lambda: _answers(address)):
        yield address


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/repos/octocat/hello"):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
