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
    for folder in ("drivers", "workflows", "releases/commands"):
        for path in (SOURCES / folder).rglob("*.py"):
            yield from _texts(ast.parse(path.read_text()))


def _texts(tree: ast.AST) -> Iterator[str]:
    return (text for node in ast.walk(tree) if (text := _text(node)) is not None)


def _text(node: ast.AST | None) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def test_every_sentence_that_a_release_stores_in_english_is_said_in_the_readers_language() -> None:
    """What is stored as a `sentence` and not translated when it is written has a template."""
    trees = [ast.parse(path.read_text()) for path in (SOURCES / "releases/commands").rglob("*.py")]
    stored = {text for tree in trees for text in _stored(tree)}
    assert "It was there already." in stored
    assert stored - {_bare(one) for one in FAILURES} == set()


def _stored(tree: ast.Module) -> Iterator[str]:
    named = {name: one.value for one in tree.body if isinstance(one, ast.Assign) for name in _names(one)}
    for node in ast.walk(tree):
        is_stored = node.arg == "sentence" if isinstance(node, ast.keyword) else "sentence" in _names(node)
        value = node.value if is_stored and isinstance(node, (ast.keyword, ast.Assign)) else None
        for one in [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]:
            if text := _text(named.get(one.id) if isinstance(one, ast.Name) else one):
                yield text


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in node.targets if isinstance(one, ast.Name)} if isinstance(node, ast.Assign) else set()


def test_the_page_of_a_failed_deployment_says_it_in_french(deployer, browse, hello, staging):
    deployment = request_deployment(actor=deployer, application=hello, environment=staging, artifact=make_artifact(hello))
    finish(deployment, Status.FAILED, MISSING)
    browser = browse(deployer)
    User.objects.filter(pk=deployer.id).update(language="fr")
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    page = browser.get(f"/deployments/{deployment.pk}").content.decode()
    assert "n’existe pas dans le registre registry.example.com" in page
    assert "does not exist in the registry" not in page
