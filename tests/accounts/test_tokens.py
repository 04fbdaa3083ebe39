"""A token works while it, its owner and its owner's password stand: said twice, as a question and of one token."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone

from fairway.accounts.models import User
from fairway.accounts.queries import token_owner, working_tokens
from fairway.accounts.rules import Actor
from fairway.accounts.tokens import create_token

LONG_AGO, LATER = timedelta(days=-1), timedelta(days=1)


@pytest.mark.parametrize(
    ("revoked", "expires", "is_active", "moved_on"),
    list(product((False, True), (None, LONG_AGO, LATER), (True, False), (False, True))),
)
def test_the_token_that_opens_the_api_is_one_that_works(
    admin: Actor, revoked: bool, expires: timedelta | None, is_active: bool, moved_on: bool
) -> None:
    token, text = create_token(actor=admin, name="one")
    token.revoked_at = timezone.now() if revoked else None
    token.expires_at = timezone.now() + expires if expires else None
    token.save()
    owner = User.objects.get(pk=admin.id)
    owner.is_active, owner.generation = is_active, token.generation + moved_on
    owner.save()
    works = not revoked and expires != LONG_AGO and is_active and not moved_on
    assert token_owner(text) == (token if works else None)
    assert working_tokens().filter(pk=token.pk).exists() == works
