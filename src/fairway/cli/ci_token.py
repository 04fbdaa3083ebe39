"""The token that a CI job gets from GitHub Actions or GitLab CI, which ``fairway login --ci`` exchanges."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from fairway.cli.failures import BadInput, Code, Stop

URL, SECRET = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # GitHub sets both
GIVEN = "FAIRWAY_ID_TOKEN"  # GitLab sets what the job's `id_tokens` name
ADVICE = (
    "On GitHub, give the job “permissions: id-token: write”. On GitLab, give it “id_tokens: FAIRWAY_ID_TOKEN: aud: ADDRESS” "
    "with the address of Fairway."
)


def job_token(audience: str) -> str:
    """This job's token for `audience`. Raises `BadInput` outside of a job that may have one, or `Stop` if GitHub refuses."""
    if given := os.environ.get(GIVEN, "").strip():
        return given
    url, secret = os.environ.get(URL, ""), os.environ.get(SECRET, "")
    if not url or not secret:
        raise BadInput("This is no CI job that may have a token.", advice=ADVICE)
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname != "127.0.0.1":
        raise BadInput(f"{URL} is not encrypted.")
    import httpx

    try:
        answer = httpx.get(
            httpx.URL(url).copy_merge_params({"audience": audience}),
            headers={"Authorization": f"Bearer {secret}"},
            timeout=30,
        )
        return str(answer.raise_for_status().json()["value"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        raise Stop("GitHub gave the job no token.", Code.FAILED, advice=ADVICE) from None
