"""A webhook is accepted only with a right signature; one that is wrong counts, whatever else is right."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from fairway.drivers.forges.contract import NotAccepted
from fairway.drivers.forges.signatures import PREFIX, new_secret, verify

SECRET = new_secret()
BODY = b'{"ref":"refs/heads/main"}'
NOW = 1_800_000_000.0


def hub(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(body: bytes = BODY, at: float = NOW, number: str = "msg_1", secret: str = SECRET) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    made = base64.b64encode(hmac.new(key, f"{number}.{at:.0f}.".encode() + body, hashlib.sha256).digest()).decode()
    return {"webhook-id": number, "webhook-timestamp": f"{at:.0f}", "webhook-signature": f"v1,{made}"}


def code(headers: dict[str, str], body: bytes = BODY) -> str:
    try:
        verify(headers, body, SECRET, NOW)
    except NotAccepted as problem:
        return problem.code
    return ""


def test_each_forges_own_signature_is_right() -> None:
    assert code({"x-hub-signature-256": f"sha256={hub()}"}) == ""
    assert code({"x-gitea-signature": hub()}) == ""
    assert code({"x-forgejo-signature": hub()}) == ""
    assert code({"x-gitlab-token": SECRET}) == ""
    assert code(standard()) == ""
    keys = {**standard(), "webhook-signature": f"v1,AAAA {standard()['webhook-signature']}"}
    assert code(keys) == "", "a sender that changes its key signs with both"


def test_github_s_own_example() -> None:
    """From docs.github.com, “Validating webhook deliveries”."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    verify({"x-hub-signature-256": signature}, b"Hello, World!", "It's a Secret to Everybody", NOW)


def test_the_example_of_standard_webhooks() -> None:
    """From the specification and its reference libraries."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    verify(headers, b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-hub-signature-256": f"sha256={hub(secret='other')}"},
        {"x-hub-signature-256": hub()},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256=é"},
        {"x-gitea-signature": hub(b"other")},
        {"x-gitlab-token": SECRET[:-1]},
        {"x-gitlab-token": ""},
        {"x-hub-signature-256": f"sha256={hub()}", "x-gitlab-token": "guessed"},
        {**standard(), "webhook-id": "msg_2"},
        {**standard(), "webhook-timestamp": f"{NOW + 1:.0f}"},
        {**standard(), "webhook-timestamp": "soon"},
        {**standard(), "webhook-timestamp": "١٢٣"},
        {**standard(), "webhook-signature": "v1,"},
        {**standard(), "webhook-signature": standard()["webhook-signature"].replace("v1", "v2")},
        {**standard(), "webhook-id": ""},
    ],
    ids="-".join,
)
def test_a_wrong_signature_is_refused(headers: dict[str, str]) -> None:
    assert code(headers) == "signature"


def test_a_changed_body_is_refused() -> None:
    assert code({"x-hub-signature-256": f"sha256={hub()}"}, BODY + b" ") == "signature"
    assert code(standard(), BODY + b" ") == "signature"


def test_no_signature_is_refused() -> None:
    assert code({}) == "unsigned"
    assert code({"x-hub-signature": "sha1=abc", "x-github-event": "push"}) == "unsigned", "SHA-1 counts for nothing"


def test_an_old_timestamp_is_refused() -> None:
    assert code(standard(at=NOW - 301)) == "too_old"
    assert code(standard(at=NOW + 301)) == "too_old"
    assert code(standard(at=NOW - 299)) == ""


def test_secrets_are_made_for_standard_webhooks() -> None:
    assert new_secret() != SECRET
    assert 24 <= len(base64.b64decode(SECRET.removeprefix("whsec_"))) <= 64
