"""French says the same as English: the same values in every sentence, on pages and through the API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import polib
import pytest
from django.conf import settings
from django.utils import translation

from fairway.accounts.models import User
from fairway.accounts.tokens import create_token
from fairway.environments.models import Environment
from fairway.environments.runtimes import availability_of
from fairway.shared.names import Invalid
from fairway.web.presenters.environments import PROCESS
from tests.conftest import make_environment
from tests.web.test_environments import NEW

CATALOGUE = Path(__file__).parents[2] / "src/fairway/locale/fr/LC_MESSAGES/django.po"
# {name} of Invalid and translate, %(name)s of Django, %s and %1 of the browser's own words.
PLACE = re.compile(r"\{[A-Za-z_][^{}]*\}|%\(\w+\)[sd]|%[sd1-9]")
NAMED = re.compile(r"\{[a-z_0-9]+(?::\w+)?\}")
TAKEN = "«_staging_» existe déjà_; choisissez-en un autre.".replace("_", "\N{NO-BREAK SPACE}")
TAKEN_IN_ENGLISH = "“staging” exists already; choose another."


def sentences() -> Iterator[tuple[str, str]]:
    for entry in polib.pofile(str(CATALOGUE)):
        if entry.obsolete:
            continue
        for french in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            yield entry.msgid_plural or entry.msgid, french


def test_every_sentence_has_the_values_of_its_english() -> None:
    differing = [pair for pair in sentences() if sorted(PLACE.findall(pair[0])) != sorted(PLACE.findall(pair[1]))]
    assert not differing


def test_every_template_with_values_can_be_filled_in() -> None:
    """A stray brace in French would turn a refusal into a crash, in French only."""
    templates = [french for english, french in sentences() if NAMED.search(english) and "['" not in english]
    assert templates
    for template in templates:
        assert list(Formatter().parse(template))


def test_every_sentence_is_translated_and_none_is_a_guess() -> None:
    entries = [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]
    assert entries
    assert [entry.msgid for entry in entries if entry.fuzzy or not entry.translated()] == []


def test_french_typography() -> None:
    """No-break spaces inside guillemets and before : ; ? !; no English quotation marks."""
    assert [french for _, french in sentences() if re.search(r" [:;?!»]|« |[“”]", french)] == []


def test_one_word_for_one_thing() -> None:
    """Words that were dropped, each with the one that is used; docs/glossary.md says which."""
    dropped = {
        r"\b[Rr]epli(er|é|ée|és|ées|ez|ant|s)?\b": "retour arrière",
        r"\b[Dd]éroul": "déploiement de la livraison",
        r"mise en œuvre": "déploiement de la livraison",
        r"environnement d’exécution": "moteur d’exécution",
        r"\bgenre\b": "type",
        r"\bp(ar)?\. ex\.": "par exemple",
        r"\btélévers": "envoyer",
        r"\b(Release Manager|Deployer|Viewer|Admin)\b": "responsable de livraison, déployeur, lecteur, administrateur",
        r"(bri[sz]|bris)\w* la glace": "bris de glace",
    }
    found = [
        f"{french} (use: {word})" for _, french in sentences() for old, word in dropped.items() if re.search(old, french)
    ]
    assert found == []


def test_apostrophes_are_typographic() -> None:
    assert [french for _, french in sentences() if re.search(r"\w'\w", french)] == []


def test_nothing_that_would_be_elided_stands_before_a_name() -> None:
    """“de alpha”, “en tant que Administrateur”: French elides, and a name is only known when it is shown."""
    named = "application|environment|package|release|person|who|by|role|target|host|names?|needs|other|username|app|env|zone"
    elided = rf"\b([Dd]e|[Qq]ue|[Jj]usque|[Ll]orsque|[Ll]e|[Ll]a) (%\(({named})\)s|\{{({named})\}})"
    assert [french for _, french in sentences() if re.search(elided, french)] == []


def test_people_are_addressed_formally() -> None:
    assert [french for _, french in sentences() if re.search(r"\b([Tt]u|[Tt]es|[Tt]on|[Tt]oi)\b", french)] == []


def test_a_refused_form_tells_it_in_french(admin, browse, staging):
    browser = browse(admin)
    browser.cookies["fairway_language"] = "fr"
    answer = browser.post("/environments/new", {**NEW, "slug": staging.slug})
    assert answer.status_code == 422
    assert TAKEN in answer.content.decode()
    assert "exists already" not in answer.content.decode()
    assert Environment.objects.count() == 1


@pytest.mark.parametrize(("language", "sentence"), [("fr", TAKEN), ("fr-CA, en;q=0.5", TAKEN), ("en", TAKEN_IN_ENGLISH)])
def test_the_api_answers_in_the_language_asked_for(admin, client, staging, language, sentence):
    assert _refusal(admin, client, {"Accept-Language": language}) == sentence


def test_the_api_answers_in_english_when_nobody_asks(admin, client, staging):
    assert _refusal(admin, client, {}) == TAKEN_IN_ENGLISH


def test_a_refusal_is_written_down_in_english():
    """What goes to logs and into the text of the exception does not depend on who asked."""
    with translation.override("fr"):
        error = Invalid("slug", "“{slug}” exists already; choose another.", slug="staging")
        assert error.sentence == TAKEN
        assert str(error) == f"slug: {TAKEN_IN_ENGLISH}"


def _refusal(admin, client, headers: dict[str, str]) -> str:
    token = create_token(actor=admin, name="test", role="")[1]
    body = {"name": "Staging", "slug": "staging", "host": "other.example.com", "runtime": "process"}
    answer = client.post(
        "/api/v1/environments",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", **headers},
    )
    assert answer.status_code == 422, answer.content
    return str(answer.json()["errors"][0]["sentence"])


def test_the_process_runtime_speaks_french_on_its_environments_page(admin, client, db):
    development = make_environment("development", runtime="process")
    client.force_login(User.objects.get(pk=admin.id))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    page = client.get(f"/environments/{development.slug}/").content.decode()
    assert availability_of(development).sentence == PROCESS
    assert PROCESS not in page
    assert "derrière les murs" in page
