"""Variables and write-only secrets; how an application runs; its addresses; its end."""

from __future__ import annotations

import re

import pytest

from fairway.accounts.rules import SYSTEM
from fairway.activity.models import Event
from fairway.applications.commands import create_application, edit_application, save_configuration
from fairway.applications.models import Application, Configuration
from fairway.applications.secrets import open_secrets
from fairway.deployments.models import Placement
from fairway.environments.commands import lock_environment
from tests.conftest import make_artifact
from tests.web.conftest import live

HERE = "/applications/hello/configuration?environment=staging"


@pytest.fixture
def saved(deployer, hello, staging) -> Configuration:
    return save_configuration(
        actor=deployer, application=hello, environment=staging, variables={"COLOUR": "red"}, secrets={"KEY": "hush-hush-1"}
    )


def rows(*lines: tuple[str, str, bool]) -> dict[str, str]:
    data = {"rows": str(len(lines))}
    for number, (name, value, is_secret) in enumerate(lines):
        data |= {f"name-{number}": name, f"value-{number}": value} | ({f"secret-{number}": "on"} if is_secret else {})
    return data


def test_a_secret_is_named_but_never_shown(deployer, browse, saved):
    page = browse(deployer).get(HERE).content.decode()
    assert 'value="COLOUR"' in page
    assert 'value="KEY"' in page
    assert "hush" not in page


def test_saving_makes_a_version_and_keeps_an_empty_secret(deployer, browse, saved):
    data = rows(("COLOUR", "blue", False), ("KEY", "", True), ("NEW", "secret-new", True)) | {"comment": "For spring"}
    answer = browse(deployer).post(HERE, data)
    assert answer["Location"] == HERE
    newest = Configuration.objects.latest("version")
    assert (newest.version, newest.variables, newest.comment) == (2, {"COLOUR": "blue"}, "For spring")
    assert open_secrets(newest) == {"KEY": "hush-hush-1", "NEW": "secret-new"}
    assert Event.objects.filter(verb="configuration.saved").count() == 2


def test_what_was_not_touched_is_kept_to_the_byte_and_new_lines_end_as_here(deployer, browse, hello, staging):
    kept = {"PEM": "-----BEGIN-----\r\nab\r\n", "LEAD": "\n x", "TAIL": "y \n\n"}
    save_configuration(actor=deployer, application=hello, environment=staging, variables=kept)
    shown = browse(deployer).get(HERE).content.decode()
    assert ">\n\n x</textarea>" in shown, "the first newline of a field is not its value's"
    as_sent = [(name, value.replace("\r\n", "\n").replace("\n", "\r\n"), False) for name, value in kept.items()]
    browse(deployer).post(HERE, rows(*as_sent, ("KEY", "a\r\nb\r\n", True), ("NEW", "c\r\nd", False)))
    newest = Configuration.objects.latest("version")
    assert newest.variables == {**kept, "NEW": "c\nd"}
    assert open_secrets(newest) == {"KEY": "a\nb\n"}


def test_a_line_taken_away_is_gone_in_the_next_version(deployer, browse, saved):
    browse(deployer).post(HERE, rows(("COLOUR", "red", False)))
    assert Configuration.objects.latest("version").secret_names == []


def test_a_bad_line_is_told_beside_it_and_nothing_typed_is_lost(deployer, browse, saved):
    data = rows(("COLOUR", "blue", False), ("KEY", "", True), ("2BAD", "x", False)) | {"comment": "For spring"}
    answer = browse(deployer).post(HERE, data)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "is not a variable name" in page
    assert ">\nblue</textarea>" in page
    assert 'value="For spring"' in page
    assert Configuration.objects.count() == 1


def test_two_versions_are_compared_without_showing_a_secret(deployer, browse, saved):
    browse(deployer).post(HERE, rows(("COLOUR", "blue", False), ("KEY", "hush-hush-2", True)))
    page = browse(deployer).get(f"{HERE}&from=1&to=2").content.decode()
    assert "<del><code>red</code></del>" in page
    assert "<ins><code>blue</code></ins>" in page
    assert "its value is not shown" in page
    assert "hush" not in page


def test_an_older_version_is_shown_and_saving_it_makes_it_the_newest(deployer, browse, saved):
    browser = browse(deployer)
    browser.post(HERE, rows(("COLOUR", "blue", False), ("KEY", "", True)))
    page = browser.get(f"{HERE}&version=1").content.decode()
    assert "This is an older version" in page
    assert ">\nred</textarea>" in page
    browser.post(f"{HERE}&version=1", rows(("COLOUR", "red", False), ("KEY", "", True)))
    assert Configuration.objects.latest("version").version == 3


@pytest.mark.parametrize("query", ["environment=nowhere", "environment=staging&version=77"])
def test_what_does_not_exist_is_a_page_that_says_so(deployer, browse, saved, query):
    assert browse(deployer).get(f"/applications/hello/configuration?{query}").status_code == 404


def test_a_version_that_does_not_run_yet_offers_to_deploy(deployer, browse, hello, staging, saved):
    live(hello, staging)
    browser = browse(deployer)
    assert "is not running yet" not in browser.get(HERE).content.decode()
    browser.post(HERE, rows(("COLOUR", "blue", False)))
    assert "is not running yet" in browser.get(HERE).content.decode()


def test_needed_variables_that_are_not_set_are_named(deployer, browse, hello, staging):
    live(hello, staging, make_artifact(hello))
    make_artifact(hello, "2.0", requires=("DATABASE_URL",))
    page = browse(deployer).get(HERE).content.decode()
    assert "DATABASE_URL" in page
    assert "needs these variables" in page


def test_viewers_read_and_change_nothing(viewer, browse, saved):
    browser = browse(viewer)
    assert browser.get(HERE).status_code == 200
    assert browser.post(HERE, rows(("COLOUR", "blue", False))).status_code == 403
    assert Configuration.objects.count() == 1


# --- settings ---------------------------------------------------------------------------------------------------------

SETTINGS = "/applications/hello/settings"
RUN = {"section": "spec", "name": "Hello", "description": "", "command": "", "port": "", "health": "", "memory_mb": "", "cpus": ""}  # fmt: skip  # noqa: E501


def test_what_a_person_sets_of_how_it_runs_is_kept_and_clearing_detects_again(deployer, browse, hello):
    browser = browse(deployer)
    browser.post(SETTINGS, {**RUN, "port": "9000", "memory_mb": "256", "health": "/up"})
    hello.refresh_from_db()
    assert hello.spec == {"port": 9000, "memory_bytes": 256 * 2**20, "health_path": "/up"}
    browser.post(SETTINGS, RUN)
    hello.refresh_from_db()
    assert hello.spec is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"port": "0"}, "greater than or equal to 1"),
        ({"health": "up | x"}, "without a shell"),
        ({"start_seconds": "0"}, "greater than or equal to 1"),
        ({"name": ""}, "required"),
    ],
)
def test_a_bad_setting_is_told_and_nothing_changes(deployer, browse, hello, change, sentence):
    answer = browse(deployer).post(SETTINGS, {**RUN, **change})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    hello.refresh_from_db()
    assert (hello.name, hello.spec) == ("Hello", None)


def test_the_source_is_changed_and_what_the_page_does_not_show_of_it_stays(deployer, browse):
    source = {"url": "https://git.test/a.git", "ref": "main", "folder": "app"}
    create_application(actor=SYSTEM, name="Shop", source_kind="git", source=source)
    data = {"section": "source", "url": "https://git.test/a.git", "ref": "v2"}
    assert browse(deployer).post("/applications/shop/settings", data).status_code == 302
    assert Application.objects.get(slug="shop").source == {**source, "ref": "v2"}


def test_domains_are_added_refused_and_removed(deployer, browse, hello, staging):
    live(hello, staging)
    browser, url = browse(deployer), "/applications/hello/in/staging/domains"
    assert browser.post(url, {"host": "Shop.Example.com"}).status_code == 302
    assert Placement.objects.get().domains == ["shop.example.com"]
    refused = browser.post(url, {"host": "http://x/"})
    assert refused.status_code == 422
    assert "is not a host name" in refused.content.decode()
    assert 'value="http://x/"' in refused.content.decode()
    browser.post(url, {"remove": "shop.example.com"})
    assert Placement.objects.get().domains == []


def test_an_international_domain_is_served_as_computers_write_it_and_shown_as_people_do(deployer, browse, hello, staging):
    live(hello, staging)
    browser, url = browse(deployer), "/applications/hello/in/staging/domains"
    assert browser.post(url, {"host": "München.example"}).status_code == 302
    assert Placement.objects.get().urls[1].endswith("://xn--mnchen-3ya.example:8080")
    shown = browser.get("/applications/hello/settings").content.decode()
    assert re.search(r'<code\s+title="xn--mnchen-3ya.example"\s*>münchen.example</code\s*>', shown)
    refused = browser.post(url, {"host": "pаypal.example"})  # its second letter is Cyrillic
    assert (refused.status_code, "mixes Cyrillic and Latin letters" in refused.content.decode()) == (422, True)
    browser.post(url, {"remove": "xn--mnchen-3ya.example"})
    assert Placement.objects.get().domains == []


def test_access_is_set(deployer, browse, hello, staging):
    live(hello, staging)
    assert browse(deployer).post("/applications/hello/in/staging/access", {"access": "signed_in"}).status_code == 302
    assert Placement.objects.get().access == "signed_in"


def test_an_application_is_deleted_by_name_only(deployer, browse, hello, staging):
    live(hello, staging)
    browser = browse(deployer)
    assert browser.post("/applications/hello/deletion", {"confirm": "hell"}).status_code == 422
    assert browser.post("/applications/hello/deletion", {"confirm": "hello"})["Location"] == "/applications/"
    hello.refresh_from_db()
    assert hello.deleted_at is not None
    assert browser.get("/applications/hello/").status_code == 404


def test_deleting_is_refused_while_it_is_being_deployed(deployer, browse, hello, staging):
    browser = browse(deployer)
    browser.post("/applications/hello/in/staging/deploy")
    assert "is running or queued" in browser.get(SETTINGS).content.decode()
    assert browser.post("/applications/hello/deletion", {"confirm": "hello"}).status_code == 409


def test_settings_of_viewers_are_read_only(viewer, browse, hello, staging):
    live(hello, staging)
    browser = browse(viewer)
    page = browser.get(SETTINGS)
    assert page.status_code == 200
    assert '<fieldset class="form" disabled>' in page.content.decode()
    for path, data in ((SETTINGS, RUN), ("/applications/hello/deletion", {"confirm": "hello"})):
        assert browser.post(path, data).status_code == 403


def test_a_locked_environment_does_not_stop_configuring(deployer, manager, browse, saved, staging):
    lock_environment(actor=manager, environment=staging, reason="Stocktaking")
    assert browse(deployer).post(HERE, rows(("COLOUR", "blue", False))).status_code == 302
    edit_application(actor=deployer, application=saved.application, description="New words")
