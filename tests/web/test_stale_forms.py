"""A form that was read before somebody else changed the same thing: it says who, and keeps what was typed."""

from __future__ import annotations

import re

import pytest
from django.utils import translation

from fairway.accounts.commands import set_roles
from fairway.accounts.mail_commands import set_mail
from fairway.accounts.models import MailSettings, User
from fairway.accounts.profiles import edit_person
from fairway.accounts.rules import Role
from fairway.activity.changes import Changed
from fairway.applications.commands import edit_application, save_configuration
from fairway.applications.models import Application, Configuration
from fairway.deployments.commands.placements import set_access
from fairway.deployments.models import Placement
from fairway.environments.commands import edit_environment, lock_environment
from fairway.environments.freeze_commands import create_freeze, edit_freeze
from fairway.environments.models import Environment, FreezeWindow
from fairway.releases.commands.packages import add_package, edit_package
from fairway.releases.commands.releases import create_release, edit_release
from fairway.releases.models import Release
from tests.conftest import make_artifact, make_person
from tests.web.conftest import live

HIDDEN = re.compile(r'name="as_of" value="(\d+)"')


@pytest.fixture
def grace(admin):
    return make_person("grace", Role.ADMIN)


def read(browser, address: str) -> str:
    found = set(HIDDEN.findall(browser.get(address).content.decode()))
    assert len(found) == 1, address
    return found.pop()


def is_told_and_saves_again(browser, address: str, form: dict, what: str, typed: str) -> None:
    """The form that was read first is refused once, in words, and what was typed goes in the second time."""
    told = browser.post(address, form)
    page = told.content.decode()
    assert told.status_code in {409, 422}
    assert "grace changed this on" in page
    assert what in page
    assert typed in page
    newer = HIDDEN.search(page)
    assert newer is not None
    assert int(newer.group(1)) > int(form["as_of"])
    assert browser.post(address, {**form, "as_of": newer.group(1)}).status_code == 302


def test_an_environment(admin, grace, browse, staging):
    browser, address = browse(admin), "/environments/staging/edit"
    form = {"name": "Pre-production", "host": staging.host, "runtime": staging.runtime, "as_of": read(browser, address)}
    lock_environment(actor=grace, environment=staging, reason="Not what the form changes")
    edit_environment(actor=grace, environment=staging, description="Theirs")
    is_told_and_saves_again(browser, address, form, "Description", "Pre-production")
    assert Environment.objects.get(slug="staging").name == "Pre-production"


def test_the_protection_of_an_environment(admin, grace, browse, staging):
    browser, address = browse(admin), "/environments/staging/protection"
    form = {
        **{"approvals_needed": "1", "approval_days": "7", "approval_people": "ada", "strategy": "all", "when_worse": "tell"},
        "as_of": read(browser, address),
    }
    edit_environment(actor=grace, environment=staging, approvals_needed=2)
    is_told_and_saves_again(browser, address, form, "Number of approvals", "ada")
    assert Environment.objects.get(slug="staging").approvals_needed == 1


def test_an_application_by_the_part_that_is_edited(admin, grace, browse, hello):
    browser, address = browse(admin), "/applications/hello/settings"
    number = read(browser, address)
    edit_application(actor=grace, application=hello, source={"image": "registry.test/hello:2"})
    form = {"section": "spec", "name": "Hello again", "description": "", "as_of": number}
    assert browser.post(address, form).status_code == 302, "another part of it was changed"
    form = {"section": "source", "reference": "registry.test/hello:3", "as_of": number}
    is_told_and_saves_again(browser, address, form, "source", "registry.test/hello:3")
    assert Application.objects.get(slug="hello").source["image"] == "registry.test/hello:3"


def test_a_configuration(admin, grace, browse, hello, staging):
    browser, address = browse(admin), "/applications/hello/configuration?environment=staging"
    form = {"rows": "1", "name-0": "COLOUR", "value-0": "green", "comment": "", "as_of": read(browser, address)}
    save_configuration(actor=grace, application=hello, environment=staging, variables={"SIZE": "9"})
    is_told_and_saves_again(browser, address, form, "variables", "green")
    assert Configuration.objects.latest("pk").variables == {"COLOUR": "green"}


def test_a_freeze_window(admin, grace, browse, staging):
    times = {"starts": "2030-12-24T18:00", "ends": "2030-12-27T06:00", "zone": "Europe/Paris"}
    row = create_freeze(actor=admin, kind="deny", name="Christmas", reason="Quiet days", rrule="", **times)
    browser, address = browse(admin), f"/freezes/{row.pk}"
    form = {**times, "kind": "deny", "name": "Christmas", "reason": "Very quiet days", "as_of": read(browser, address)}
    edit_freeze(actor=grace, freeze=row, name="Yuletide")
    is_told_and_saves_again(browser, address, form, "Name", "Very quiet days")
    assert FreezeWindow.objects.get().reason == "Very quiet days"


def test_a_release(admin, grace, browse, staging):
    manager = User.objects.get(pk=admin.id)
    release = create_release(actor=admin, name="Spring", version="1", manager=manager, description="")
    browser, address = browse(admin), f"/releases/{release.pk}/edit"
    form = {
        "description": "My words",
        "manager": "ada",
        "deputy": "",
        "targets": ["staging"],
        "as_of": read(browser, address),
    }
    edit_release(actor=grace, release=release, description="Their words")
    is_told_and_saves_again(browser, address, form, "Description", "My words")
    assert Release.objects.get().description == "My words"


def test_a_person(admin, grace, browse):
    user = User.objects.get(pk=make_person("linus", Role.VIEWER).id)
    browser, address = browse(admin), "/settings/people/linus"
    form = {"name": "Linus", "email": "", "rows": "0", "as_of": read(browser, address)}
    set_roles(actor=grace, user=user, grants=[("deployer", None, None)])
    is_told_and_saves_again(browser, address, form, "roles", 'value="Linus"')
    user.refresh_from_db()
    assert user.first_name == "Linus"
    assert not user.role_grants.exists()


def test_mail_settings(admin, grace, browse):
    set_mail(actor=admin, host="mail.test", sender="fairway@mail.test", security="starttls")
    browser, address = browse(admin), "/settings/mail"
    form = {
        "host": "mail.test", "port": "2525", "security": "starttls", "username": "", "sender": "fairway@mail.test",
        "sender_name": "Mine", "as_of": read(browser, address),
    }  # fmt: skip
    set_mail(actor=grace, host="mail.test", sender="fairway@mail.test", security="starttls", sender_name="Theirs")
    is_told_and_saves_again(browser, address, form, "Sender", "Mine")
    assert (MailSettings.objects.get().sender_name, MailSettings.objects.get().port) == ("Mine", 2525)


def test_ones_own_profile(admin, grace, browse):
    user = User.objects.get(pk=admin.id)
    browser, address = browse(admin), "/settings/profile"
    form = {"name": "Ada Lovelace", "email": "", "language": "", "theme": "", "as_of": read(browser, address)}
    edit_person(actor=grace, user=user, name="Ada", email="ada@example.test", grants=[("admin", None, None)])
    is_told_and_saves_again(browser, address, form, "E-mail", "Ada Lovelace")
    user.refresh_from_db()
    assert user.first_name == "Ada Lovelace"


def test_a_package(admin, grace, browse, staging, hello):
    manager = User.objects.get(pk=admin.id)
    release = create_release(actor=admin, name="Spring", version="1", manager=manager, description="")
    artifact = make_artifact(hello, "2.0")
    package = add_package(actor=admin, release=release, name="hello", artifact=artifact, application=hello)
    browser, address = browse(admin), f"/releases/{release.pk}/packages/{package.pk}/edit"
    form = {"name": "mine", "stage": "registered", "version": "2.0", "as_of": read(browser, address)}
    edit_package(actor=grace, package=package, stage="ready")
    is_told_and_saves_again(browser, address, form, "Status", 'value="mine"')
    package.refresh_from_db()
    assert (package.name, package.stage) == ("mine", "registered")


def _placed(application, environment):
    live(application, environment)
    return Placement.objects.get(application=application, environment=environment)


def test_who_may_open_an_application(admin, grace, browse, hello, staging):
    placement = _placed(hello, staging)
    browser, address = browse(admin), "/applications/hello/settings"
    number = read(browser, address)
    set_access(actor=grace, placement=placement, access="signed_in")
    told = browser.post("/applications/hello/in/staging/access", {"access": "signed_in", "as_of": number})
    assert (told.status_code, "grace changed this on" in told.content.decode()) == (409, True)


def test_a_refused_form_stays_as_old_as_it_was(admin, grace, browse, staging):
    browser, address = browse(admin), "/environments/staging/edit"
    number = read(browser, address)
    edit_environment(actor=grace, environment=staging, description="Theirs")
    page = browser.post(address, {"name": "", "host": staging.host, "runtime": staging.runtime, "as_of": number})
    assert HIDDEN.findall(page.content.decode()) == [number], "or correcting the name would overwrite what nobody showed"


def test_saving_the_same_or_without_a_number_is_no_conflict(admin, grace, staging):
    edit_environment(actor=grace, environment=staging, name=staging.name, as_of=0)
    edit_environment(actor=grace, environment=staging, description="Theirs")
    edit_environment(actor=admin, environment=staging, description="Mine")
    with pytest.raises(Changed, match="ada has changed this since you began: description"):
        edit_environment(actor=grace, environment=staging, description="Theirs again", as_of=1)
    with translation.override("fr"), pytest.raises(Changed, match="ada a modifié"):
        edit_environment(actor=grace, environment=staging, description="Theirs again", as_of=1)
    user = User.objects.get(pk=grace.id)
    edit_person(actor=admin, user=user, name="Grace", email="", grants=[("admin", None, None)], as_of=10**9)
