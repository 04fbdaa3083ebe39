"""The pages of a pipeline: the line of environments, and a stage that is set up, changed, paused and deleted."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from fairway.accounts.rules import SYSTEM, Role
from fairway.applications.models import Application
from fairway.environments.models import Environment
from fairway.pipelines.commands.promotions import advance_stages
from fairway.pipelines.commands.stages import create_stage, edit_stage
from fairway.pipelines.models import Stage
from tests.conftest import make_person
from tests.pipelines.test_stages import healthy
from tests.web.conftest import Browser, live

TAB = "/applications/hello/deployments"
NEW = "/applications/hello/stages/new"
GIVEN = {"environment": "production", "origin": "staging", "after_minutes": "120"}


@pytest.fixture
def dora(db: None, browse: Browser) -> Client:
    return browse(make_person("dora", Role.DEPLOYER))


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return " ".join(unescape(answer.content.decode()).split())


def test_a_stage_is_set_up_from_the_tab_and_shown_in_the_line(
    dora: Client, hello: Application, staging: Environment, production: Environment
) -> None:
    tab = text_of(dora, TAB)
    assert f"{NEW}?to=production" in tab
    assert "By hand" in tab
    assert '<option value="staging" selected>' in text_of(dora, f"{NEW}?to=production")
    assert dora.post(NEW, GIVEN).status_code == 302
    stage = Stage.objects.get()
    assert (stage.environment, stage.origin, stage.after_minutes, stage.saved_by) == (production, staging, 120, "dora")
    assert "From Staging, after 2 hours" in text_of(dora, TAB)
    assert "Nothing runs in Staging." in text_of(dora, f"/stages/{stage.pk}")


def test_it_says_what_it_waits_for_and_what_it_did(
    dora: Client, hello: Application, staging: Environment, production: Environment
) -> None:
    stage = create_stage(actor=SYSTEM, application=hello, environment=production, origin=staging, after_minutes=5)
    source = live(hello, staging)
    healthy(hello, staging, minutes=1)
    assert "1.0 follows:" in text_of(dora, TAB)
    healthy(hello, staging, minutes=5)
    assert advance_stages() == 1
    page = text_of(dora, f"/stages/{stage.pk}")
    assert [word in page for word in ("1.0 was promoted:", "Queued", f"/deployments/{source.pk}")] == [True] * 3


def test_it_is_paused_resumed_and_deleted_by_name(
    dora: Client, hello: Application, staging: Environment, production: Environment
) -> None:
    stage = create_stage(actor=SYSTEM, application=hello, environment=production, origin=staging, after_minutes=5)
    place = f"/stages/{stage.pk}"
    for act, is_paused in (("pause", True), ("resume", False)):
        assert dora.post(f"{place}/{act}").status_code == 302
        stage.refresh_from_db()
        assert stage.is_paused is is_paused
    assert stage.saved_by == "dora", "whoever resumes it owns it"
    dora.post(f"{place}/deletion", {"confirm": "staging"})
    assert Stage.objects.get().deleted_at is None
    dora.post(f"{place}/deletion", {"confirm": "production"})
    assert text_of(dora, place, 404)


def test_two_who_change_it_do_not_overwrite_each_other(
    dora: Client, hello: Application, staging: Environment, production: Environment
) -> None:
    stage = create_stage(actor=SYSTEM, application=hello, environment=production, origin=staging, after_minutes=5)
    edit_stage(actor=SYSTEM, stage=stage, after_minutes=6)
    answer = dora.post(f"/stages/{stage.pk}", {"origin": "staging", "after_minutes": "7", "as_of": "1"})
    assert answer.status_code == 422
    stage.refresh_from_db()
    assert stage.after_minutes == 6


def test_a_circle_or_a_bad_number_is_refused_in_its_field(
    dora: Client, hello: Application, staging: Environment, production: Environment
) -> None:
    create_stage(actor=SYSTEM, application=hello, environment=production, origin=staging, after_minutes=5)
    round_about = dora.post(NEW, {"environment": "staging", "origin": "production", "after_minutes": "1"})
    assert (round_about.status_code, "round in a circle" in round_about.content.decode()) == (422, True)
    wrong = dora.post(NEW, {"environment": "staging", "origin": "production", "after_minutes": "soon"})
    assert wrong.status_code == 422
    assert Stage.objects.count() == 1


def test_whoever_sees_only_where_it_leads_sees_no_name_of_the_other(
    hello: Application, staging: Environment, production: Environment, browse: Browser
) -> None:
    stage = create_stage(actor=SYSTEM, application=hello, environment=production, origin=staging, after_minutes=5)
    live(hello, staging)
    pia = browse(make_person("pia", Role.DEPLOYER, environment=production))
    page = text_of(pia, f"/stages/{stage.pk}")
    assert ("another environment" in page, "Staging" in page, "staging" in page) == (True, False, False)
    assert pia.post(f"/stages/{stage.pk}", {"origin": "", "after_minutes": "9"}).status_code == 302
    stage.refresh_from_db()
    assert (stage.origin, stage.after_minutes) == (staging, 9)


def test_a_viewer_reads_and_cannot_set_up(
    hello: Application, staging: Environment, production: Environment, browse: Browser
) -> None:
    stage = create_stage(actor=SYSTEM, application=hello, environment=production, origin=staging, after_minutes=5)
    vera = browse(make_person("vera", Role.VIEWER))
    assert 'name="after_minutes"' not in text_of(vera, f"/stages/{stage.pk}")
    assert vera.post(f"/stages/{stage.pk}/pause").status_code in {302, 403}
    stage.refresh_from_db()
    assert stage.is_paused is False
    assert vera.post(NEW, GIVEN).status_code in {403, 409}


def test_with_one_environment_there_is_no_pipeline(dora: Client, hello: Application, staging: Environment) -> None:
    assert 'id="pipeline"' not in text_of(dora, TAB)
