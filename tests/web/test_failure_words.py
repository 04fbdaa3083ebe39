"""Failures, and what detection says, are stored in English and said in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain

import pytest
from django.conf import settings
from django.utils import translation

from fairway.accounts.models import User
from fairway.accounts.rules import SYSTEM, Blocker
from fairway.deployments.commands.placements import hold
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Placement
from fairway.deployments.rules import Status
from fairway.web.detection_templates import DETECTED, FOUND
from fairway.web.errors import shown
from fairway.web.failure_templates import FAILURES
from fairway.web.failure_words import PLACES, finding_in_words, in_words
from tests.conftest import make_artifact
from tests.web import failure_sources
from tests.web.conftest import finish, live

MISSING = "The image “shop:9” does not exist in the registry registry.example.com. Check its name, tag and architecture."
SAID = [
    (MISSING, "L’image « shop:9 » n’existe pas dans le registre registry.example.com."),
    ("npm ended with code 1; the last lines say why.", "npm s’est terminé avec le code 1 ; les dernières lignes"),
    (
        "/ answered 404 for 12 s; it had to be ready within 60 s. Where “/” is not meant to answer, set a health path.",
        "/ a répondu 404 pendant 12 s ; l’application devait être prête en 60 s. Si « / » n’a pas à répondre",
    ),
    ("“main.py” cannot be started: {it} has braces.", "« main.py » ne peut pas être démarré : {it} has braces."),
    (
        "The service “worker” was not started, because “migrate” exited with code 1, 3 times in a row, while starting. It "
        "last printed “no such table”.",
        "Le service « worker » n’a pas démarré, car « migrate » a pris fin avec le code 1 au démarrage, 3 fois de suite. La "
        "dernière ligne écrite est « no such table ».",
    ),
    (
        "The release command ended with code 2. Its last error: A. Or B. Nothing of the new version was started.",
        "La commande de livraison s’est terminée avec le code 2. Sa dernière erreur : A. Or B. Rien de la",
    ),
    (
        "Production is locked by Ada: holidays. shop is not Ready, which Production asks for. Odd words. It was cancelled.",
        "Production est verrouillé par Ada : holidays. shop n’est pas Prêt",
    ),
    (
        "This is Phoenix, written in Elixir (mix.exs). This machine has no Elixir toolchain: install it (see elixir.org), "
        "or add the Dockerfile below and deploy to an environment with Docker.",
        "Ceci est Phoenix, écrit en Elixir (mix.exs). Cette machine n’a pas les outils pour Elixir : installez-les (voir",
    ),
    ("shop, blog: It was cancelled with the rollout.", "shop, blog : Annulé avec le déploiement de la livraison."),
    ("services “jobs”: memory_bytes must be true or false.", "services « jobs » : memory_bytes doit être"),
    ("build has no program; write e.g. “python main.py”.", "build n’a pas de programme ; écrivez par exemple"),
    (
        "A program said more than the 20,000 lines that are read of it, and was stopped.",
        "Un programme a écrit plus que les 20 000",
    ),
    ("%(release)s says 100% more than it should.", "%(release)s says 100% more than it should."),
    (
        "This needs Docker (it is an image); choose an environment with the docker runtime. Not started: db (postgres:17); "
        "give their addresses as variables.",
        "Ceci nécessite Docker (c’est une image) ; choisissez un environnement avec le moteur d’exécution docker. Non "
        "démarré : db (postgres:17) ; donnez leurs adresses dans des variables.",
    ),
    ("Docker could not list containers.", "Docker n’a pas pu lister les conteneurs."),
    ("Docker refused to stop a container.", "Docker a refusé la demande : arrêter un conteneur."),
    ("Nobody has written this template.", "Nobody has written this template."),
    (" ", " "),
    ("", ""),
]
TABLES = (
    "fairway.drivers.diagnosis",
    "fairway.drivers.health",
    "fairway.drivers.builders.python_advice",
    "fairway.drivers.builders.git_failures",
    "fairway.drivers.forges",
    "fairway.pipelines.commands.deliveries",
)
COMPOSED = {  # out of parts that a caller gives, where the reader of the source does not follow
    "Unpacking the archive failed: {why}.",
    "Building the bundle failed: {why}.",
    "Storing the bundle failed: {why}.",
    "Copying the bundle failed: {why}.",
    "Visitors of {host} stay with one instance.",
    "Visitors of {host} do not stay with one instance.",
    "{instance} {ended} and is failed.",
    "{instance} {ended} and is stopped.",
    "It said “{last}”.",
    "The target of volume “{name}”: {problem}",
    "“{value}” leads out of the source; put what it names into the source.",
    "“{value}” is a link that leads out of the source; put the file itself there.",
    "“{value}” is Fairway's to decide; remove it.",
    "“{value}” is included from elsewhere; put the file into the source.",
    "{intro} This machine has no {language} toolchain: install it (see {site}), or add the Dockerfile below and deploy to "
    "an environment with Docker.",
    "{intro} This machine has no “{program}”: install it (see {site}), or add the Dockerfile below and deploy to an "
    "environment with Docker.",
}
TECHNICAL = {"Functions Framework", "Node.js {}", "Python {}", "Spring Boot"}  # the same in every language
COMMANDS = re.compile(r"\[[^\]]*\]|\b(?:uv|fairway|sysctl|apt-get) [^.,)]*|“[^”]*”|«[^»]*»|\([^)]*\)")


@pytest.mark.parametrize(("english", "french"), SAID)
def test_a_stored_sentence_is_said_in_french(english: str, french: str) -> None:
    with translation.override("fr"):
        assert in_words(english).replace("\N{NO-BREAK SPACE}", " ").startswith(french)
    with translation.override("en"):
        assert in_words(english) == english


def test_every_failure_that_the_code_writes_is_said_in_french() -> None:
    """Found by reading the source: what failures are raised with, what workers store, what the gate tells them."""
    assert len(_written()) > 500, "the source is no longer read as it was"
    english = [f"{place}: {text}" for text, place in _written().items() if _stays_english(text)]
    assert english == [], "failure_templates.py lacks these"


def test_what_detection_says_is_said_in_french() -> None:
    """Found by reading the source, too: findings and their reasons, remarks, advice, and why something cannot be run."""
    found = {one.text.strip(): one.place for one in failure_sources.findings()}
    advised = {one.text: one.place for one in failure_sources.advice() if _is_whole(one.text)}
    assert len(found) > 80, "the source is no longer read as it was"
    assert len(advised) > 60, "the source is no longer read as it was"
    english = [f"{at}: {text}" for text, at in found.items() if _stays_english(text, finding_in_words)]
    english += [f"{at}: {text}" for text, at in advised.items() if _stays_english(text)]
    english += [f"{at}: {text}" for text, at in advised.items() if _stays_english(text, finding_in_words)]
    assert [one for one in english if one.partition(": ")[2] not in TECHNICAL] == [], "detection_templates.py lacks these"


def _is_whole(text: str) -> bool:
    """Whether nothing stands where the source puts in a word: code that writes "" there says something else instead."""
    return text.strip() == text != failure_sources.HOLE and not re.search(r" ,|\( |“”", text)


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("Served by gunicorn", "Servi par gunicorn"),
        ("create_app('live in prod') in shop.py", "create_app('live in prod') dans shop.py"),
        ("requirements.txt does not list it", "requirements.txt ne le mentionne pas"),
        (
            "Not started: db (postgres:17); give their addresses as variables",
            "Non démarré : db (postgres:17) ; donnez leurs",
        ),
        (
            "Served by Chalice's own local server, which is for trying out: Chalice is made for AWS Lambda",
            "Servi par le serveur",
        ),
        ("Flask", "Flask"),
        ("requirements.txt", "requirements.txt"),
        (
            "compose.yaml, line 4: “services.web.ports” must name one TCP port, e.g. “8080” or “80:8080”.",
            "compose.yaml, ligne 4 : « services.web.ports » doit nommer un port TCP",
        ),
        ("", ""),
    ],
)
def test_a_finding_is_said_in_french(english: str, french: str) -> None:
    with translation.override("fr"):
        assert finding_in_words(english).replace("\N{NO-BREAK SPACE}", " ").startswith(french)
    with translation.override("en"):
        assert finding_in_words(english) == english


def test_what_people_write_is_not_taken_for_a_finding() -> None:
    with translation.override("fr"):
        assert in_words("Started by Ada, built from the branch") == "Started by Ada, built from the branch"


@cache
def _written() -> dict[str, str]:
    """Every sentence that is stored as a failure, and where it is written."""
    found = chain(
        failure_sources.failures(),
        failure_sources.translated(),
        failure_sources.stored(),
        failure_sources.of_the_gate(),
        failure_sources.literal(*TABLES),
        failure_sources.of_files(),
        failure_sources.of_docker(),
    )
    return {one.text: one.place for one in found}


def _stays_english(text: str, say: Callable[[str], str] = in_words) -> bool:
    """Whether three words in a row of a sentence are still there in French, or all of it."""
    sentence = text.replace(failure_sources.HOLE, "7")  # it fits wherever something is put in
    with translation.override("fr"):
        said = say(sentence)
    return said == sentence or any(three in COMMANDS.sub(" ", said) for three in _threes(text))


def _threes(text: str) -> Iterator[str]:
    for piece in COMMANDS.sub(failure_sources.HOLE, text).split(failure_sources.HOLE):
        words = piece.split()
        for at in range(len(words) - 2):
            if all(re.search("[A-Za-z]", word) for word in words[at : at + 3]):
                yield " ".join(words[at : at + 3])


def test_the_reader_of_the_source_finds_every_way_to_write_a_failure() -> None:
    """Each of these is written in another way: whole, in pieces, by name, by a function, from a table."""
    assert {
        "The archive is encrypted; pack it again without a password.",
        "The volume “{}” is still held by an instance that is starting or ending; nothing else is started on it.",
        "The disk of the machine Fairway runs on is full. Free some space there; Fairway goes on by itself.",
        "It was ended by signal {}.",
        "{} cannot be built on this machine; write {} instead of {} in the requirements.",
        "{} uses a transport that is not allowed; use https or ssh.",
        "The restored copy does not hold what was there: {}.",
        "It was cancelled with the rollout.",
    } <= set(_written())


def test_every_template_is_one_that_the_code_writes() -> None:
    """A sentence that is changed where it is raised is changed here, too."""
    written = {*failure_sources.literals(), *_written()}
    written |= {one.text for one in (*failure_sources.findings(), *failure_sources.advice())}
    everything = "\n".join(written)
    unknown = [
        one for one in (*FAILURES, *FOUND, *DETECTED) if _bare(one) not in everything and not all(_is_part(one, written))
    ]
    assert set(unknown) == COMPOSED


def test_what_people_are_refused_with_is_translated() -> None:
    """Blockers and bad input are said in the language of whoever asks; `make check` sees that each has its French."""
    english = {f"{one.place}: {one.text}" for one in failure_sources.refusals()}
    assert english == set()


def test_templates_are_no_catch_alls() -> None:
    """One that says little by itself would take sentences that another one says better."""
    with translation.override("fr"):
        assert in_words("“shop” cannot be compiled today.") == "“shop” cannot be compiled today."
        assert in_words("It runs in production.") == "It runs in production."
    assert [one for one in (*FAILURES, *FOUND, *DETECTED) if len(re.findall("[A-Za-z]", PLACES.sub("", one))) < 4] == []


def _is_part(template: str, written: set[str]) -> Iterator[bool]:
    """For templates that code puts together from pieces: each piece between braces occurs."""
    for piece in PLACES.split(template)[::3]:
        words = piece.strip(" .;:")
        yield any(words in one or words[:1].lower() + words[1:] in one for one in written)


def _bare(template: str) -> str:
    return PLACES.sub("{}", template)


def test_the_page_of_a_failed_deployment_says_it_in_french(deployer, browse, hello, staging):
    artifact = make_artifact(hello)
    artifact.remarks = [{"what": "Not started: beat", "because": "such a program ends when its work is done"}]
    artifact.save()
    deployment = request_deployment(actor=deployer, application=hello, environment=staging, artifact=artifact)
    finish(deployment, Status.FAILED, MISSING)
    browser = browse(deployer)
    User.objects.filter(pk=deployer.id).update(language="fr")
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    page = browser.get(f"/deployments/{deployment.pk}").content.decode()
    assert "n’existe pas dans le registre registry.example.com" in page
    assert "does not exist in the registry" not in page
    assert "Non démarré\N{NO-BREAK SPACE}: beat" in page
    assert "(un tel programme se termine une fois son travail fait)" in page


def test_pages_say_drift_and_holds_of_their_own_making_in_french(deployer, browse, hello, staging):
    live(hello, staging)
    placement = Placement.objects.get()
    hold(actor=SYSTEM, placement=placement, reason="#1 (2.0) restarted 4 times within 2.5 minutes of going live.")
    Placement.objects.update(drift=["Instance 0 is not running.", "hello.test is not routed."])
    browser = browse(deployer)
    User.objects.filter(pk=deployer.id).update(language="fr")
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    page = browser.get("/applications/hello/").content.decode()
    for sentence in ("L’instance 0 ne tourne pas.", "hello.test n’a pas de route."):
        assert page.count(f"<span>{sentence}</span>") == 1
    assert "#1 (2.0) a redémarré 4 fois dans les 2,5 minutes" in page


def test_a_blocker_says_in_french_what_a_runtime_says_in_english():
    answer = "No Docker Engine answers at ssh://deploy@far.example.com."
    with translation.override("fr"):
        (one,) = shown([Blocker(code="runtime", sentence=answer)])
    assert one["sentence"] == "Aucun Docker Engine ne répond sur ssh://deploy@far.example.com."
