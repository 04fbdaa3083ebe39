"""Failures are stored in English and said in the reader's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from fairway.accounts.models import User
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.rules import Status
from fairway.web.failure_words import FAILURES, in_words
from tests.conftest import make_artifact
from tests.web.conftest import finish

SOURCES = Path(__file__).parents[2] / "src/fairway"
MISSING = "The image “shop:9” does not exist in the registry registry.example.com. Check its name, tag and architecture."
SAID = [
    (MISSING, "L’image « shop:9 » n’existe pas dans le registre registry.example.com."),
    ("npm ended with code 1; the last lines say why.", "npm s’est terminé avec le code 1 ; les dernières lignes"),
    (
        "/ answered 404 for 12 s; it had to be ready within 60 s. Where “/” is not meant to answer, set a health path.",
        "/ a répondu 404 pendant 12 s ; l’application devait être prête en 60 s. Si « / » n’a pas à répondre",
    ),
    ("“main.py” cannot be started: {it} has braces.", "« main.py » ne peut pas être démarré : {it} has braces."),
    ("Nobody has written this template.", "Nobody has written this template."),
    ("", ""),
]


@pytest.mark.parametrize(("english", "french"), SAID)
def test_a_stored_sentence_is_said_in_french(english: str, french: str) -> None:
    with translation.override("fr"):
        assert in_words(english).replace("\N{NO-BREAK SPACE}", " ").startswith(french)
    with translation.override("en"):
        assert in_words(english) == english


def test_every_template_is_one_that_the_code_writes() -> None:
    """A sentence that is changed where it is raised is changed here, too."""
    written = {_bare(one) for one in _literals()}
    everything = "\n".join(written)
    unknown = [one for one in FAILURES if _bare(one) not in everything and not all(_is_part(one, written))]
    assert unknown == []


def _is_part(template: str, written: set[str]) -> Iterator[bool]:
    """For templates that code puts together from pieces: each piece between braces occurs."""
    for piece in re.split(r"\{\w+\}", template):
        words = piece.strip(" .;:")
        yield any(words in one or words[:1].lower() + words[1:] in one for one in written)


def _bare(template: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", template)


def _literals() -> Iterator[str]:
    for folder in ("drivers", "workflows"):
        for path in (SOURCES / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
                elif isinstance(node, ast.JoinedStr):
                    yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)


def test_the_page_of_a_failed_deployment_says_it_in_french(deployer, browse, hello, staging):
    deployment = request_deployment(actor=deployer, application=hello, environment=staging, artifact=make_artifact(hello))
    finish(deployment, Status.FAILED, MISSING)
    browser = browse(deployer)
    User.objects.filter(pk=deployer.id).update(language="fr")
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    page = browser.get(f"/deployments/{deployment.pk}").content.decode()
    assert "n’existe pas dans le registre registry.example.com" in page
    assert "does not exist in the registry" not in page
