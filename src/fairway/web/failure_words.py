"""Why something failed, in the reader's language.

Failures are written down once, in English: in logs, events and answers of the API they are the same for everybody. Pages say
them in the language of whoever looks, by the template that a stored sentence was made from; one that is not listed stays as
it is. What stands in a template's ``{braces}`` may itself be such a sentence.
"""

from __future__ import annotations

import re
from functools import cache

from django.utils.translation import get_language, gettext, gettext_noop

FAILURES = (
    # workflows
    gettext_noop("The proxy did not serve the new version in time."),
    gettext_noop("A newer deployment (#{number}) is already live, so this older one is not deployed."),
    gettext_noop("#{number} went live meanwhile with instances of its own; there is nothing left to do."),
    gettext_noop("{running} of {wanted} instances run; one is gone since it was checked."),
    gettext_noop("{version} is not there although it was just distributed."),
    gettext_noop("The package was removed from its release in the meantime."),
    gettext_noop("It was removed from here while this deployment waited; deploy it again."),
    gettext_noop("The release command ended with code {code} and said nothing. {why}"),
    gettext_noop("The release command ended with code {code}: {last}. {why}"),
    gettext_noop("Nothing of the new version was started."),
    gettext_noop("The uploaded archive is no longer stored here; upload it again."),
    gettext_noop("No target of this release runs images (its targets: {names}); choose one with the docker runtime."),
    gettext_noop("{name} uses the {runtime} runtime, which runs no images; choose an environment with Docker."),
    gettext_noop("It ended with code {code}."),
    gettext_noop("It was ended by signal {number}."),
    gettext_noop("The worker that ran it ended, and the command with it. It is not run again by itself."),
    # health
    gettext_noop("{name} was removed while it was being checked; deploy again."),
    gettext_noop("{what} for {lasted} s; it had to be ready within {seconds} s.{advice}"),
    gettext_noop(" Where “/” is not meant to answer, set a health path."),
    gettext_noop("{path} answered {status}"),
    gettext_noop("Nothing listened on the port"),
    gettext_noop("The port did not answer"),
    gettext_noop("It did not stay up"),
    # sources
    gettext_noop("The name {host} cannot be resolved; check its spelling and this machine's network."),
    gettext_noop("There is no branch or tag “{ref}” at {url}; check its name.{hint}"),
    gettext_noop("git could not fetch {url}; its last lines say why."),
    gettext_noop("The archive is empty; pack the folder of the application."),
    gettext_noop("This is neither a zip nor a tar archive; use zip or tar.gz."),
    gettext_noop("{url} answered {status}; check the address."),
    gettext_noop("{url} answered {status}; it is tried again."),
    # builds
    gettext_noop("{what} could not reach {where}; it is tried again."),
    gettext_noop("{what} {ending}; the last lines say why."),
    gettext_noop("ended with code {code}"),
    gettext_noop("was killed by signal {code}"),
    gettext_noop("The disk is full: {what} stopped. Free some space, then try again."),
    gettext_noop("The source has no folder “{root}”; correct the root folder of the application."),
    gettext_noop("A “{kind}” application needs Docker; choose an environment with the docker runtime."),
    gettext_noop("There is no package.json in the application's folder; add one or choose another root folder."),
    gettext_noop("The package index could not be reached; it is tried again."),
    gettext_noop("There is no file “{path}” in the source; add a Dockerfile or choose another way to build."),
    gettext_noop("A build step was killed, most likely because it needed more than {mib} MiB of memory."),
    gettext_noop("A build step failed with code {code}: {text}"),
    gettext_noop("The build took longer than its limit of {seconds} seconds and was stopped."),
    gettext_noop("{name} took longer than {seconds} s and was stopped."),
    # runtimes
    gettext_noop("The disk of the Docker host is full. Free space there (old images, logs), then try again."),
    gettext_noop("The registry {host} does not answer."),
    gettext_noop("The registry {host} could not answer for “{reference}”."),
    gettext_noop("The image “{reference}” does not exist in the registry {host}. Check its name, tag and architecture."),
    gettext_noop("Docker could not start “{name}”."),
    gettext_noop("The Docker host {host} cannot be reached."),
    gettext_noop("The Docker Engine at {host} does not answer. Is it installed and running?"),
    gettext_noop("“{program}” cannot be started: {why}."),
    gettext_noop(
        "The program “{word}” was not found on this machine; to start the application's own file write “./{word}”."
    ),
    gettext_noop("The process runtime runs no images; choose an environment with a docker runtime."),
    gettext_noop("No free port was found on this machine; it is tried again."),
)
NUMBERS = {"code", "lasted", "mib", "number", "running", "seconds", "status", "wanted"}
ONE_WORD = {"host", "path", "ref", "reference", "url", "word"}
BRACES = re.compile(r"\{(\w+)\}")


def in_words(sentence: str) -> str:
    """The stored `sentence` as the reader's language says it."""
    if not sentence or (get_language() or "en").startswith("en"):
        return sentence
    for pattern, template in _patterns():
        if found := pattern.fullmatch(sentence):
            return gettext(template).format(**{name: in_words(value) for name, value in found.groupdict().items()})
    return sentence


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Templates with most words of their own first: “{what} {ending}; …” matches much that others say better."""
    ordered = sorted(FAILURES, key=lambda one: -len(BRACES.sub("", one)))
    return tuple((re.compile(_pattern_of(one), re.DOTALL), one) for one in ordered)


def _pattern_of(template: str) -> str:
    seen: set[str] = set()
    parts: list[str] = []
    for number, piece in enumerate(BRACES.split(template)):
        if number % 2 == 0:
            parts.append(re.escape(piece))
        elif piece in seen:
            parts.append(f"(?P={piece})")
        else:
            seen.add(piece)
            shape = r"-?[\d.,]+" if piece in NUMBERS else r"\S+" if piece in ONE_WORD else ".*?"
            parts.append(f"(?P<{piece}>{shape})")
    return "".join(parts)
