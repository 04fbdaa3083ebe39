"""The pages that the proxy itself answers, in English and French. Pure, except that it reads its template from the
package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from types import MappingProxyType

from fairway.drivers.proxy.contract import RouteKind

KINDS = (RouteKind.STARTING, RouteKind.STOPPED, RouteKind.DOWN)
LANGUAGES = ("en", "fr")
RELOAD_SECONDS = 2

# Matches an Accept-Language that lists French and no English before it. Browsers list languages in order of preference.
PREFERS_FRENCH = r"(?i)^(?:\s*(?:[^e,\s][^,]*|e[^n,][^,]*),)*?\s*fr(?:[-;,\s]|$)"


@dataclass(frozen=True)
class Page:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class _Words:
    title: str
    sentence: str
    hint: str


_WORDS: Mapping[tuple[str, str], _Words] = MappingProxyType(
    {
        ("unknown", "en"): _Words(
            "Nothing lives here yet",
            "No application is served under this address.",
            "Check the spelling of the address. If it is yours, deploy an application to it in Fairway.",
        ),
        ("unknown", "fr"): _Words(
            "Rien ici pour l’instant",
            "Aucune application n’est servie à cette adresse.",
            "Vérifiez l’orthographe de l’adresse. Si elle est à vous, déployez-y une application dans Fairway.",
        ),
        ("starting", "en"): _Words(
            "Starting…",
            "This application is being put live.",
            "The page opens by itself as soon as it is ready.",
        ),
        ("starting", "fr"): _Words(
            "Démarrage…",
            "Cette application est en cours de mise en ligne.",
            "La page s’ouvrira d’elle-même dès qu’elle sera prête.",
        ),
        ("stopped", "en"): _Words(
            "Stopped",
            "Somebody has stopped this application. Its data is kept.",
            "It can be started again in Fairway.",
        ),
        ("stopped", "fr"): _Words(
            "Arrêtée",
            "Quelqu’un a arrêté cette application. Ses données sont conservées.",
            "Elle peut être redémarrée dans Fairway.",
        ),
        ("down", "en"): _Words(
            "Not answering",
            "This application should be running, but it does not answer.",
            "Try again in a moment. Its owners see why in Fairway, in the log of the application.",
        ),
        ("down", "fr"): _Words(
            "Pas de réponse",
            "Cette application devrait fonctionner, mais elle ne répond pas.",
            "Réessayez dans un instant. Ses responsables voient pourquoi dans Fairway, dans le journal de l’application.",
        ),
        ("away", "en"): _Words(
            "Fairway is away",
            "Fairway is starting, or has stopped. Applications go on running.",
            "The page opens by itself as soon as Fairway answers.",
        ),
        ("away", "fr"): _Words(
            "Fairway est absent",
            "Fairway démarre ou s’est arrêté. Les applications continuent de fonctionner.",
            "La page s’ouvrira d’elle-même dès que Fairway répondra.",
        ),
    }
)
_RELOADED = ("starting", "away")
_STATUS = MappingProxyType({"unknown": 404, "starting": 503, "stopped": 503, "down": 502, "away": 503})
_RETRY_AFTER = MappingProxyType({"starting": RELOAD_SECONDS, "down": 5, "away": RELOAD_SECONDS})


def page(name: str, language: str) -> Page:
    """The page `name` (unknown, starting, stopped, down, away) in `language`. Raises KeyError if there is none."""
    words = _WORDS[name, language]
    reload = f'<meta http-equiv="refresh" content="{RELOAD_SECONDS}">' if name in _RELOADED else ""
    body = _template().substitute(
        language=language, name=name, title=words.title, sentence=words.sentence, hint=words.hint, reload=reload
    )
    return Page(_STATUS[name], _headers(name, language), body)


def _headers(name: str, language: str) -> Mapping[str, str]:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Language": language,
        "Vary": "Accept-Language",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors *",
        "X-Content-Type-Options": "nosniff",
    }
    if name in _RETRY_AFTER:
        headers["Retry-After"] = str(_RETRY_AFTER[name])
    return headers


@cache
def _template() -> Template:
    return Template(resources.files("fairway.drivers.proxy").joinpath("pages/page.html").read_text("utf-8"))
