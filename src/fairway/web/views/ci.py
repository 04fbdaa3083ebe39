"""CI jobs that may deploy an application: trusting them, and ending that."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Blocked
from fairway.applications.queries import get_application as application_named
from fairway.drivers.forges.contract import RefKind
from fairway.drivers.identity.kinds import Ci
from fairway.environments.queries import get_environment_for
from fairway.pipelines.commands.ci_trusts import end_trust, trust_ci
from fairway.pipelines.queries import get_ci_trust
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.forms import PLAIN, refuse
from fairway.web.pages import page
from fairway.web.presenters.ci import WORDS, ci_shown, places


class CiTrustForm(forms.Form):
    """Whose jobs may deploy where."""

    environment = forms.ChoiceField(label=gettext_lazy("Deploy to"))
    ci = forms.ChoiceField(label=gettext_lazy("Jobs of"), choices=[(one.value, WORDS[one]) for one in Ci])
    repository_id = forms.CharField(
        label=gettext_lazy("Number of the repository"), max_length=30, widget=forms.TextInput(attrs=PLAIN)
    )
    ref_kind = forms.ChoiceField(
        label=gettext_lazy("When this is built"),
        choices=[(RefKind.BRANCH.value, gettext_lazy("a branch")), (RefKind.TAG.value, gettext_lazy("a tag"))],
    )
    pattern = forms.CharField(
        label=gettext_lazy("Its name"), max_length=200, initial="main", widget=forms.TextInput(attrs=PLAIN)
    )
    ci_environment = forms.CharField(
        label=gettext_lazy("Only in this environment of the CI"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs=PLAIN),
    )
    issuer = forms.CharField(
        label=gettext_lazy("Who signs, on a server of your own"),
        max_length=300,
        required=False,
        widget=forms.URLInput(attrs=PLAIN),
    )

    def __init__(self, *args: Any, environments: list[tuple[str, str]], **values: Any) -> None:
        super().__init__(*args, **values)
        field = self.fields["environment"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = environments


@require_GET
@needs(Act.VIEW)
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """Which jobs are trusted, the form to trust others, and what to write into the job."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    choices = places(actor, application)
    form = CiTrustForm(environments=choices) if choices else None
    return page(request, "ci/page.html", {**ci_shown(actor, application), "form": form})


@require_POST
@needs(Act.DEPLOY)
def trust(request: HttpRequest, slug: str) -> HttpResponse:
    """Trust the jobs of a repository."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    form, status = CiTrustForm(request.POST, environments=places(actor, application)), 422
    if form.is_valid():
        given = dict(form.cleaned_data)
        where = get_environment_for(actor, application, given.pop("environment"))
        try:
            trust_ci(actor=actor, application=application, environment=where, **given)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            form.add_error(None, str(problem))
            status = 409
        else:
            messages.success(request, _("Trusted. Copy what the job needs from below."))
            return redirect("ci-trusts", application.slug)
    return page(request, "ci/page.html", {**ci_shown(actor, application), "form": form}, status=status)


@require_POST
@needs(Act.DEPLOY)
def end(request: HttpRequest, number: int) -> HttpResponse:
    """Trust these jobs no more."""
    actor = actor_of(request)
    one = get_ci_trust(actor, number)
    if is_confirmed(request, one.repository or one.repository_id):
        try:
            end_trust(actor=actor, trust=one)
        except Blocked as problem:
            tell_blocked(request, problem)
        else:
            messages.success(request, _("These jobs are trusted no more."))
    return redirect("ci-trusts", one.application.slug)
