"""The catalogue: what can be installed in one step, one entry, and installing it."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked, may_somewhere
from fairway.catalog.commands import install
from fairway.catalog.rules import LONGEST_ANSWER, Entry, said
from fairway.catalog.shelf import get_entry, icon_of
from fairway.deployments.rules import Access
from fairway.environments.queries import get_environment
from fairway.shared.names import Invalid
from fairway.web.errors import tell_blocked
from fairway.web.forms import refuse
from fairway.web.pages import page
from fairway.web.presenters.catalog import entries_shown, entry_shown
from fairway.web.presenters.inspections import chosen_environments
from fairway.web.words import ACCESS_WORDS

ANSWER = "answer-"  # begins the names of the fields for the entry's own questions


class InstallForm(forms.Form):
    """What an entry asks, and where it is installed under which name."""

    name = forms.CharField(label=_("Name"), max_length=80)
    environment = forms.CharField(label=_("Environment"), max_length=40)
    access = forms.ChoiceField(label=_("Who may open it"))

    def __init__(self, *args: object, entry: Entry, **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        field = self.fields["access"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(access, ACCESS_WORDS[Access(access)]) for access in entry.access]
        self.names = {"slug": "name"}
        for question in entry.ask:
            kind = forms.EmailField if question.kind == "email" else forms.CharField
            label = said(question.label, get_language() or "")
            self.fields[ANSWER + question.name] = kind(label=label, max_length=LONGEST_ANSWER, initial=question.default)
            self.names[question.name] = ANSWER + question.name

    def answers(self) -> dict[str, str]:
        return {name.removeprefix(ANSWER): value for name, value in self.cleaned_data.items() if name.startswith(ANSWER)}


@require_GET
@needs(Act.VIEW)
def entry_list(request: HttpRequest) -> HttpResponse:
    words, category = request.GET.get("q", "")[:80], request.GET.get("category", "")
    context = entries_shown(get_language() or "", words=words, category=category)
    return page(request, "catalog/list.html", context, fragments={"catalog-cards": "cards"})


@require_GET
@needs(Act.VIEW)
def icon(request: HttpRequest, entry: str) -> HttpResponse:
    headers = {"Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return HttpResponse(icon_of(get_entry(entry)), content_type="image/svg+xml", headers=headers)


@never_cache
@require_http_methods(["GET", "POST"])
@needs(Act.VIEW)
def detail(request: HttpRequest, entry: str) -> HttpResponse:
    """One entry and, for who may install it, its form. Passwords of a first administrator are shown in the answer to that
    form and nowhere else."""
    actor, one = actor_of(request), get_entry(entry)
    form = InstallForm(request.POST or None, entry=one, initial={"name": one.title, "access": one.access[0]})
    if request.method == "GET" or not form.is_valid():
        return _shown(request, actor, one, form)
    values = form.cleaned_data
    try:
        made = install(
            actor=actor,
            entry=one,
            environment=get_environment(actor, values["environment"]),
            name=values["name"],
            answers=form.answers(),
            access=values["access"],
        )
    except Invalid as problem:
        refuse(form, problem)
        return _shown(request, actor, one, form)
    except Blocked as problem:
        tell_blocked(request, problem)
        return _shown(request, actor, one, form, status=409)
    if not made.passwords:
        return redirect("deployment-detail", made.deployment.pk)
    context = {"made": made, "entry": entry_shown(actor, one, get_language() or "")}
    return page(request, "catalog/installed.html", context, status=201)


def _shown(request: HttpRequest, actor: Actor, one: Entry, form: InstallForm, status: int = 200) -> HttpResponse:
    name = form["name"].value() or one.title
    places = chosen_environments(actor, name, form["environment"].value(), "python")
    context = {
        "entry": entry_shown(actor, one, get_language() or ""),
        "form": form if may_somewhere(actor, Act.CREATE_APPLICATION) else None,
        "questions": [form[field] for field in form.fields if field.startswith(ANSWER)],
        "environments": places,
        "slug": places[0]["application"] if places else "",
        "can_install": any(not place["blockers"] for place in places),
    }
    return page(request, "catalog/entry.html", context, status=422 if form.errors else status)
