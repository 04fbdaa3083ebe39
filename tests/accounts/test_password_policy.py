"""Only emergency accounts may use a password, and whoever decides so cannot lock everybody out."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.test import Client

from fairway.accounts.backend import ForgottenForm
from fairway.accounts.commands import accept_invitation, create_person, give_new_password, set_active, set_roles
from fairway.accounts.models import LinkedIdentity, SignInPolicy, SignInProvider, User
from fairway.accounts.password_policy import set_password_policy
from fairway.accounts.provider_commands import remove_provider, save_provider
from fairway.accounts.rules import SYSTEM, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.activity.models import Event
from fairway.activity.queries import newest_event
from fairway.shared.names import Invalid

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough password"


@pytest.fixture
def provider(admin: Actor) -> SignInProvider:
    return save_provider(
        actor=admin, slug="company", name="Company", issuer="https://login.test", client_id="fairway", secret="hush hush"
    )


@pytest.fixture
def eve(admin: Actor) -> User:
    """Another administrator with a password."""
    return with_password("eve", "admin")


def with_password(name: str, *roles: str) -> User:
    user, _ = create_person(actor=SYSTEM, username=name, email=f"{name}@example.com", roles=list(roles))
    user.set_password(PASSWORD)
    user.save()
    return user


def only_with_providers(actor: Actor, *emergency: str) -> None:
    set_password_policy(actor=actor, passwords="emergency", emergency=emergency)


def connected(actor: Actor, provider: SignInProvider) -> None:
    LinkedIdentity.objects.create(user_id=actor.id, issuer=provider.issuer, subject=str(actor.id))


def lets_in(name: str) -> bool:
    return authenticate(username=name, password=PASSWORD) is not None


def test_only_emergency_accounts_get_in_with_a_password(admin: Actor, provider: SignInProvider, eve: User) -> None:
    connected(admin, provider)
    with_password("victor", "viewer")
    assert lets_in("victor")
    only_with_providers(admin, "eve")
    assert (lets_in("victor"), lets_in("eve")) == (False, True)
    event = Event.objects.get(verb="sign_in.passwords_set")
    assert event.before == {"passwords": "everybody", "emergency": []}
    assert event.after == {"passwords": "emergency", "emergency": ["eve"]}
    set_password_policy(actor=admin, passwords="everybody", emergency=[])
    assert lets_in("victor")


def test_nobody_locks_themselves_out(admin: Actor, provider: SignInProvider, eve: User) -> None:
    with pytest.raises(Invalid, match="would lock you out"):
        only_with_providers(admin, "eve")
    assert not User.objects.filter(is_emergency=True).exists()
    assert not SignInPolicy.objects.filter(passwords="emergency").exists()
    connected(admin, provider)
    only_with_providers(admin, "eve")


@pytest.mark.parametrize("name", ["nobody", "victor", "ghost", "invited"])
def test_an_emergency_account_is_of_an_administrator_with_a_password(
    admin: Actor, provider: SignInProvider, eve: User, name: str
) -> None:
    connected(admin, provider)
    with_password("victor", "deployer")
    ghost = with_password("ghost", "admin")
    set_active(actor=admin, user=ghost, is_active=False)
    create_person(actor=SYSTEM, username="invited", roles=["admin"])
    with pytest.raises(Invalid, match=name):
        only_with_providers(admin, "eve", name)


def test_a_provider_and_an_emergency_account_remain(admin: Actor, provider: SignInProvider, eve: User) -> None:
    connected(admin, provider)
    with pytest.raises(Blocked, match="one must remain Admin"):
        only_with_providers(admin)
    only_with_providers(admin, "eve")
    with pytest.raises(Blocked, match="one must remain Admin"):
        set_active(actor=admin, user=eve, is_active=False)
    with pytest.raises(Blocked, match="one must remain Admin"):
        set_roles(actor=admin, user=eve, grants=[("viewer", None, None)])
    with pytest.raises(Blocked, match="a sign-in provider must remain"):
        remove_provider(actor=admin, slug="company")
    with pytest.raises(Blocked, match="a sign-in provider must remain"):
        save_provider(
            actor=admin, slug="company", name="Company", issuer="https://login.test", client_id="fairway", is_enabled=False
        )
    assert SignInProvider.objects.get().is_enabled


def test_it_cannot_begin_without_a_provider(admin: Actor, eve: User) -> None:
    with pytest.raises(Blocked, match="a sign-in provider must remain"):
        only_with_providers(admin, "eve")


def test_no_new_password_is_chosen(
    admin: Actor, provider: SignInProvider, eve: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected(admin, provider)
    with_password("victor", "viewer")
    _, link = create_person(actor=SYSTEM, username="new", roles=["viewer"])
    only_with_providers(admin, "eve")
    with pytest.raises(Invalid, match="is not used here"):
        accept_invitation(link=link, password=PASSWORD)
    page = Client().get(f"/invitation/{link}").content.decode()
    assert 'name="password1"' not in page
    assert "Continue with Company" in page
    monkeypatch.setattr("fairway.accounts.backend.trouble_now", lambda: "")  # mail would be sent
    for name, count in (("victor", 0), ("eve", 1)):
        form = ForgottenForm({"email": f"{name}@example.com"})  # type: ignore[call-arg]
        assert form.is_valid(), "whether somebody may is not told"  # type: ignore[attr-defined]
        assert len(form.users) == count


def test_whoever_has_the_data_directory_opens_the_door(admin: Actor, provider: SignInProvider, eve: User) -> None:
    connected(admin, provider)
    with_password("victor", "viewer")
    only_with_providers(admin, "eve")
    password = give_new_password(actor=SYSTEM, username="victor")
    assert authenticate(username="victor", password=password) is not None
    assert Event.objects.get(verb="person.password_replaced").after["is_emergency"] is True


def test_two_who_change_it(admin: Actor, provider: SignInProvider, eve: User) -> None:
    connected(admin, provider)
    seen = newest_event()[0]
    only_with_providers(admin, "eve")
    with pytest.raises(Changed):
        set_password_policy(actor=admin, passwords="everybody", emergency=[], as_of=seen)


def test_only_administrators_decide(manager: Actor, provider: SignInProvider, eve: User) -> None:
    with pytest.raises(Blocked):
        only_with_providers(manager, "eve")
