"""Acts that a person confirms by typing a name: the script asks, and the server does not believe that it did."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from fairway.shared.names import Invalid


def refuse_unconfirmed(request: HttpRequest, name: str) -> None:
    """Raises `Invalid` unless the name was typed; an empty `name` asks for none."""
    if name and request.POST.get("confirm", "").strip() != name:
        raise Invalid("confirm", _("type “%(name)s” exactly to continue.") % {"name": name})


def is_confirmed(request: HttpRequest, name: str) -> bool:
    """Whether the name was typed; if not, a message on the next page says so."""
    try:
        refuse_unconfirmed(request, name)
    except Invalid as problem:
        messages.error(request, problem.sentence[:1].upper() + problem.sentence[1:])
        return False
    return True
