"""For a migration: replaces display names in old rows by user names.

Rows used to store what a person called themselves, and anybody may call themselves anything. The event chain tells which
accounts acted under a name. If there is exactly one, the name is replaced by its user name; otherwise it is put into
quotation marks, which no user name contains, to show that it is not an account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

OF_FAIRWAY = frozenset({"", "Fairway"})
# Models whose rows store the account's id: (model, id column, name column).
NUMBERED = (
    ("Deployment", "requested_by_id", "requested_by"),
    ("Environment", "locked_by_id", "locked_by"),
    ("FreezeWindow", "created_by_id", "created_by"),
    ("Upload", "created_by_id", "created_by"),
    ("Release", "created_by_id", "created_by"),
    ("Release", "frozen_by_id", "frozen_by"),  # until migration 0022
    ("Release", "sealed_by_id", "sealed_by"),
    ("Package", "created_by_id", "created_by"),
    ("Rollout", "requested_by_id", "requested_by"),
    ("Approval", "person_id", "person"),
)
NAMED = (
    ("Application", "created_by"),
    ("Artifact", "created_by"),
    ("Artifact", "bad_by"),
    ("Configuration", "created_by"),
    ("Credential", "created_by"),
    ("Host", "confirmed_by"),
    ("Release", "cancelled_by"),
    ("Rollout", "decided_by"),
)


def name_accounts(apps: Any, schema_editor: Any) -> None:
    """For RunPython. Events stay unchanged: their hashes cover the names, and they store the account's id."""
    usernames: dict[int, str] = dict(apps.get_model("fairway", "User").objects.values_list("pk", "username"))
    for label, number, name in NUMBERED:
        model = apps.get_model("fairway", label)
        if number in {field.name for field in model._meta.fields}:
            _by_number(model, number, name, usernames)
    meant = _meanings(apps.get_model("fairway", "Event"), usernames)
    for model, name in NAMED:
        _by_name(apps.get_model("fairway", model), name, meant)


def _by_number(model: Any, number: str, name: str, usernames: Mapping[int, str]) -> None:
    for pk in model.objects.exclude(**{number: None}).order_by().values_list(number, flat=True).distinct():
        if pk in usernames:
            model.objects.filter(**{number: pk}).exclude(**{name: usernames[pk]}).update(**{name: usernames[pk]})


def _by_name(model: Any, name: str, meant: Mapping[str, str]) -> None:
    for text in model.objects.order_by().values_list(name, flat=True).distinct():
        if text not in OF_FAIRWAY and (known := meant.get(text, f"“{text[:198]}”")) != text:
            model.objects.filter(**{name: text}).update(**{name: known})


def _meanings(events: Any, usernames: Mapping[int, str]) -> dict[str, str]:
    """User names by display name, for names that exactly one account acted under, and user names that no other did."""
    accounts: dict[str, set[int]] = defaultdict(set)
    for pk, username in usernames.items():
        accounts[username].add(pk)
    for text, pk in events.objects.exclude(actor_id=None).order_by().values_list("actor_name", "actor_id").distinct():
        accounts[text].add(pk)
    return {text: usernames[pk] for text, found in accounts.items() if len(found) == 1 for pk in found if pk in usernames}
