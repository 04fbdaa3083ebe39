"""A stored credential is for some applications in some environments, as pairs, and is neither used nor managed beyond."""

from __future__ import annotations

import pytest
from django.test import Client

from fairway.accounts.models import RoleGrant, User
from fairway.accounts.queries import actor_for
from fairway.accounts.rules import SYSTEM, Actor, Blocked, NotVisible, Role
from fairway.activity.models import Event
from fairway.activity.rules import Door
from fairway.applications.commands import create_application, edit_application
from fairway.applications.credential_commands import delete_credential, save_credential, scope_credential
from fairway.applications.models import Application, Credential
from fairway.applications.queries import (
    credential_for,
    credential_for_source,
    credentials,
    is_out_of_scope,
    registry_credential_for,
    scope_of,
)
from fairway.environments.models import Environment
from fairway.shared.failures import NeedsPerson
from fairway.shared.names import Invalid
from fairway.workflows.sources import _git_access

pytestmark = pytest.mark.django_db
IMAGE = "registry.test/hello:1"


@pytest.fixture
def other() -> Application:
    return create_application(actor=SYSTEM, name="Other", source_kind="image", source={"image": "registry.test/other:1"})


def narrowed(name: str, role: Role, application: Application | None, environment: Environment | None = None) -> Actor:
    user = User.objects.create_user(username=name, password="correct horse battery")
    RoleGrant.objects.create(user=user, role=role, application=application, environment=environment)
    return actor_for(user, door=Door.WEB)


def stored(actor: Actor = SYSTEM, name: str = "company", **more: object) -> Credential:
    values = {"kind": "registry", "host": "registry.test", "username": "bot", "secret": "hush hush"}
    return save_credential(actor=actor, name=name, **{**values, **more})  # type: ignore[arg-type]


def test_one_of_everywhere_is_used_everywhere(hello, staging):
    one = stored()
    assert scope_of(one).pairs == {("", "")}
    assert credential_for(hello, staging) == one
    assert credential_for_source("image", {"image": IMAGE}) == one  # also before there is an application


GIT = "https://git.test:8443/team/app.git"


def test_a_token_is_for_the_https_addresses_of_its_host(hello):
    token = stored(name="token", kind="https", host="Git.test:8443", username="", secret="t0ken-t0ken")
    key = stored(name="key", kind="deploy_key", host="git.test", secret="-----BEGIN PRIVATE KEY-----")
    found = {
        url: credential_for_source("git", {"url": url})
        for url in (GIT, "https://git.test/a", "ssh://git.test/a", "git@git.test:a")
    }
    assert found == {GIT: token, "https://git.test/a": None, "ssh://git.test/a": key, "git@git.test:a": key}
    fitting = {"url": GIT, "ref": "main", "credential": "token"}
    application = create_application(actor=SYSTEM, name="Private", source_kind="git", source=fitting)
    assert credential_for_source("git", application.source, "private") == token
    for source, words in (
        ({**fitting, "credential": "key"}, "token for Git over HTTPS"),
        ({**fitting, "url": "git@git.test:a"}, "deploy key"),
        ({**fitting, "url": "https://evil.test/a"}, "evil.test"),
    ):
        with pytest.raises(Invalid, match=words):
            create_application(actor=SYSTEM, name="Wrong", source_kind="git", source=source)


@pytest.mark.parametrize("kind", ["registry", "deploy_key", "https"])
def test_what_does_not_fit_a_source_is_not_sent_there(hello, kind):
    """An application's address may change after its credential was chosen."""
    secret = "-----BEGIN PRIVATE KEY-----" if kind == "deploy_key" else "t0ken-t0ken"
    one = stored(kind=kind, host="git.test", secret=secret)
    wanted = {"https": "https://git.test/a", "deploy_key": "ssh://git.test/a"}
    for url in wanted.values():
        if wanted.get(kind) == url:
            assert _git_access(one, url)["sign_in" if kind == "https" else "deploy_key"]
        else:
            with pytest.raises(NeedsPerson, match="choose one that is for this repository"):
                _git_access(one, url)


@pytest.mark.parametrize("secret", ["", "  ", "two\nlines", "nul\0"])
def test_a_token_is_one_line(secret):
    with pytest.raises(Invalid, match="secret"):
        stored(kind="https", secret=secret)


def test_it_is_used_for_its_pairs_and_never_for_one_half_of_each(hello, other, staging, production):
    one = stored(scopes=[("hello", "staging"), ("other", "production")])
    assert credential_for(hello, staging) == credential_for(other, production) == one
    assert credential_for(hello, production) is None
    assert credential_for(other, staging) is None
    assert registry_credential_for(hello, IMAGE, production) is None
    assert credential_for_source("image", {"image": IMAGE}) is None


def test_another_of_the_same_host_is_taken_where_the_first_is_not_for(hello, other, staging):
    stored(scopes=[("other", "")])
    mine = stored(name="mine", scopes=[("hello", "")])
    assert credential_for(hello, staging) == mine


def test_a_source_that_names_one_is_told_where_it_is_not_for(hello, staging, production):
    stored(scopes=[("hello", "staging")])
    edit_application(actor=SYSTEM, application=hello, source={"image": IMAGE, "credential": "company"})
    hello.refresh_from_db()
    assert not is_out_of_scope(hello, hello.source, staging)
    assert is_out_of_scope(hello, hello.source, production)
    assert credential_for(hello, production) is None


def test_a_source_may_not_name_one_that_its_application_may_use_nowhere(hello, other):
    stored(scopes=[("other", "")])
    with pytest.raises(Invalid, match="may not be used for this application"):
        edit_application(actor=SYSTEM, application=hello, source={"image": IMAGE, "credential": "company"})
    deployer = narrowed("dora", Role.DEPLOYER, hello)
    with pytest.raises(Invalid, match="or you may not see it"):
        edit_application(actor=deployer, application=hello, source={"image": IMAGE, "credential": "company"})


def test_who_is_narrowed_sees_what_may_be_used_there(hello, other, staging):
    both, mine, theirs = stored(), stored(name="mine", scopes=[("hello", "")]), stored(name="theirs", scopes=[("other", "")])
    assert set(credentials(narrowed("dora", Role.DEPLOYER, hello))) == {both, mine}
    assert set(credentials(narrowed("dan", Role.DEPLOYER, None, staging))) == {both, mine, theirs}
    assert credentials(narrowed("vera", Role.VIEWER, hello)) == []


def test_who_is_narrowed_manages_nothing_that_goes_beyond(hello, other):
    stored()
    dora = narrowed("dora", Role.DEPLOYER, hello)
    before = Credential.objects.get()
    for act in (
        lambda: stored(dora, secret="mine now"),
        lambda: stored(dora, name="new", scopes=[("", "")]),
        lambda: scope_credential(actor=dora, name="company", scopes=[("hello", "")]),
        lambda: delete_credential(actor=dora, name="company"),
    ):
        with pytest.raises(Blocked):
            act()
    with pytest.raises(Invalid, match="no application “other”"):
        stored(dora, name="new", scopes=[("other", "")])
    after = Credential.objects.get()
    assert (after.sealed_secret, after.created_by) == (before.sealed_secret, before.created_by)


def test_what_somebody_narrowed_stores_is_for_what_they_have(hello, staging):
    assert scope_of(stored(narrowed("dora", Role.DEPLOYER, hello))).pairs == {("hello", "")}
    assert scope_of(stored(narrowed("dan", Role.DEPLOYER, hello, staging), name="d")).pairs == {("hello", "staging")}
    with pytest.raises(Blocked):
        stored(narrowed("vera", Role.VIEWER, hello), name="v")


def test_replacing_a_secret_leaves_where_it_is_for_and_scoping_leaves_the_secret(hello):
    one = stored(scopes=[("hello", "")])
    assert scope_of(stored(secret="another")).pairs == {("hello", "")}
    sealed = Credential.objects.get(pk=one.pk).sealed_secret
    scope_credential(actor=SYSTEM, name="company", scopes=[("", "")])
    assert Credential.objects.get(pk=one.pk).sealed_secret == sealed
    event = Event.objects.filter(verb="credential.scoped").get()
    assert (event.before, event.after) == ({"scopes": ["hello in *"]}, {"scopes": ["* in *"]})


@pytest.mark.parametrize("scopes", [[], [("nothing", "")], [("", "nowhere")]])
def test_a_scope_of_nothing_is_refused_in_words(scopes):
    with pytest.raises(Invalid) as refused:
        stored(scopes=scopes)
    assert refused.value.field == "scopes"
    assert not Credential.objects.exists()


def test_what_was_made_again_under_a_deleted_name_inherits_nothing(hello, staging):
    """Neither a credential's scope nor a grant comes to life again with a name."""
    stored(scopes=[("hello", "")])
    viewer = narrowed("vera", Role.VIEWER, hello)
    Application.objects.filter(pk=hello.pk).update(deleted_at=hello.created_at)
    again = create_application(actor=SYSTEM, name="Hello", source_kind="image", source={"image": IMAGE})
    assert credential_for(again, staging) is None
    assert actor_for(User.objects.get(pk=viewer.id), door=Door.WEB).grants == ()


def test_the_api_speaks_of_pairs(admin, hello, staging):
    client = Client()
    client.force_login(User.objects.get(pk=admin.id))
    pairs = [{"application": "hello", "environment": "staging"}]
    stored(scopes=[("hello", "staging")])
    assert client.get("/api/v1/credentials").json()[0]["scopes"] == pairs
    assert "hush" not in client.get("/api/v1/credentials").content.decode()
    page = client.get("/settings/credentials").content.decode()
    assert "Hello · Staging" in " ".join(page.split())


def test_nobody_narrowed_deletes_by_a_name_they_cannot_see(hello, other):
    stored(scopes=[("other", "")])
    with pytest.raises((Blocked, NotVisible)):
        delete_credential(actor=narrowed("dora", Role.DEPLOYER, hello), name="company")
    assert Credential.objects.exists()
