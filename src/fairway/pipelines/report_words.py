"""What a forge answered, and what went wrong, as sentences in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from fairway.drivers.taking import NotTaken, Trouble

TROUBLES: Mapping[Trouble, str | Promise] = {
    Trouble.NOT_HTTPS: gettext_lazy("The API’s address does not begin with https://, so the token is not sent there."),
    Trouble.NOT_PERMITTED: gettext_lazy(
        "“{host}” is at an address that Fairway does not connect to: this machine itself, or a private network. "
        "FAIRWAY_SOURCE_ADDRESSES, set where Fairway is started, says which addresses are allowed."
    ),
    Trouble.UNKNOWN_HOST: gettext_lazy("The name “{host}” cannot be resolved. Check the API’s address."),
    Trouble.TIMEOUT: gettext_lazy("“{host}” did not answer in time."),
    Trouble.CERTIFICATE: gettext_lazy("The certificate of “{host}” cannot be trusted: {answer}"),
    Trouble.UNREACHABLE: gettext_lazy("“{host}” cannot be reached."),
    Trouble.REDIRECT: gettext_lazy(
        "“{host}” sends elsewhere ({status}), which Fairway does not follow. Was the repository renamed? Enter its new "
        "address as the application’s source, then save this again."
    ),
    Trouble.GONE: gettext_lazy("“{host}” says that the repository is gone (410): {answer}"),
    Trouble.TOO_MANY: gettext_lazy("“{host}” asks to wait ({status}): {answer}"),
    Trouble.TOKEN_REFUSED: gettext_lazy(
        "“{host}” does not accept the token (401): {answer}. It may have expired or been revoked; enter another one."
    ),
    Trouble.FORBIDDEN: gettext_lazy(
        "The token may not do this at “{host}” (403): {answer}. Give it the right to write commit statuses and deployments."
    ),
    Trouble.NOT_FOUND: gettext_lazy(
        "“{host}” knows no such repository, or the token may not see it (404): {answer}. Check the repository’s "
        "address, and which repositories the token is for."
    ),
    Trouble.NO_CREDENTIAL: gettext_lazy(
        "The stored credential “{answer}” is gone, or may not be used for this application at “{host}” any more. Choose "
        "another one, or enter a token."
    ),
    Trouble.REFUSED: gettext_lazy("“{host}” refused it ({status}): {answer}"),
    Trouble.FAILED: gettext_lazy("“{host}” could not take it ({status}): {answer}"),
}


_WEBHOOKS: Mapping[Trouble, str | Promise] = {
    Trouble.FORBIDDEN: gettext_lazy(
        "The token may not do this at “{host}” (403): {answer}. Give it the right to write webhooks (GitLab: the scope api, "
        "and the role Maintainer)."
    ),
    Trouble.NOT_FOUND: gettext_lazy(
        "“{host}” knows no such repository or webhook, or the token may not see its webhooks (404): {answer}. Give the "
        "token the right to write webhooks (GitHub: Webhooks, or admin:repo_hook; GitLab: the scope api, and the role "
        "Maintainer)."
    ),
}


def webhook_sentence(problem: NotTaken) -> str:
    """What went wrong with a webhook, and what to do."""
    if problem.trouble not in _WEBHOOKS:
        return trouble_sentence(*stored(problem))
    _word, values = stored(problem)
    return str(_WEBHOOKS[problem.trouble]).format(**{**values, "answer": values["answer"] or "—"})


def stored(problem: NotTaken) -> tuple[str, dict[str, Any]]:
    """The problem as it is stored: its word, and the values of its sentence."""
    return problem.trouble.value, {"host": problem.host, "status": problem.status, "answer": problem.answer.rstrip(".")}


def trouble_sentence(word: str, said: Mapping[str, Any]) -> str:
    """The sentence of a trouble, "" without one; of one that only another version of Fairway knows, its word."""
    if word not in set(TROUBLES):
        return word
    values = {"host": "", "status": "", **said}
    return str(TROUBLES[Trouble(word)]).format(**{**values, "answer": values.get("answer") or "—"})
