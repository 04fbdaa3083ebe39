"""Deploy on push: setting it up, changing and pausing it, and the secret of its webhook, which is shown once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.applications.models import Application
from fairway.applications.queries import get_application as application_named
from fairway.drivers.forges.contract import RefKind
from fairway.environments.queries import get_environment_for
from fairway.pipelines.commands import hooks
from fairway.pipelines.commands import triggers as commands
from fairway.pipelines.forge_queries import kind_of
from fairway.pipelines.models import Trigger
from fairway.pipelines.queries import get_trigger
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.errors import tell_blocked
from fairway.web.failure_words import in_words
from fairway.web.forms import PLAIN, refuse
from fairway.web.pages import page
from fairway.web.presenters.triggers import free_environments, new_shown, trigger_shown
from fairway.web.presenters.webhooks import NOT_ASKED, Seen
from fairway.web.stale import as_of, tell_changed


class TriggerForm(forms.Form):
    """What is pushed; when it is new, also where it is deployed."""

    environment = forms.ChoiceField(label=gettext_lazy("Deploy to"))
    ref_kind = forms.ChoiceField(
        label=gettext_lazy("When this is pushed"),
        choices=[
            (RefKind.BRANCH.value, gettext_lazy("a branch")),
            (RefKind.TAG.value, gettext_lazy("a tag")),
            (RefKind.REQUEST.value, gettext_lazy("a request into a branch: a preview of each")),
        ],
    )
    pattern = forms.CharField(label=gettext_lazy("Its name"), max_length=200, widget=forms.TextInput(attrs=PLAIN))
    paths = forms.CharField(
        label=gettext_lazy("Only if something changed in"),
        required=False,
        max_length=4500,
        widget=forms.Textarea(attrs={**PLAIN, "rows": 2}),
    )

    def __init__(self, *args: Any, environments: list[tuple[str, str]] | None = None, **values: Any) -> None:
        super().__init__(*args, **values)
        if environments is None:
            del self.fields["environment"]
        else:
            field = self.fields["environment"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = environments

    def values(self) -> dict[str, Any]:
        """The arguments for the commands, without the environment."""
        given = self.cleaned_data
        return {"ref_kind": given["ref_kind"], "pattern": given["pattern"], "paths": given["paths"].splitlines()}


@never_cache
@require_http_methods(["GET", "POST"])
@needs(Act.DEPLOY)
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """Set up deploy on push, and install the webhook if the forge is connected; else the answer shows its secret, once."""
    actor = actor_of(request)
    application = application_named(actor, slug)
    choices = free_environments(actor, application)
    initial = {
        "ref_kind": RefKind.REQUEST.value if request.GET.get("for") == "requests" else RefKind.BRANCH.value,
        "pattern": _branch_of(application),
        "environment": request.GET.get("to", ""),
    }
    form = TriggerForm(request.POST if request.method == "POST" else None, initial=initial, environments=choices)
    if request.method == "POST" and form.is_valid():
        where = get_environment_for(actor, application, form.cleaned_data["environment"])
        try:
            trigger, secret = commands.create_trigger(
                actor=actor, application=application, environment=where, **form.values()
            )
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return page(request, "triggers/form.html", {**new_shown(actor, application), "form": form}, status=409)
        else:
            return _installed(request, actor, trigger, secret)
    context = {**new_shown(actor, application), "form": form}
    return page(request, "triggers/form.html", context, status=422 if form.errors else 200)


def _installed(request: HttpRequest, actor: Actor, trigger: Trigger, secret: str) -> HttpResponse:
    """The page of a new trigger. The secret is shown unless the forge has it."""
    if kind_of(trigger.application) is None:
        return trigger_page(request, actor, trigger, secret=secret, status=201)
    try:
        trigger = hooks.install_hook(actor=actor, trigger=trigger)
    except (Refused, Invalid) as problem:
        seen = Seen(failure=in_words(problem.sentence))
        return trigger_page(request, actor, trigger, secret=secret, status=201, seen=seen)
    messages.success(request, _("Its webhook is installed: the next push is deployed."))
    return redirect("trigger", trigger.pk)


def _branch_of(application: Application) -> str:
    ref = str(application.source.get("ref", "HEAD"))
    return "main" if ref == "HEAD" else ref


@needs(Act.VIEW)
def show(request: HttpRequest, number: int) -> HttpResponse:
    """One trigger: its webhook, what came to it, and the form that changes it."""
    actor = actor_of(request)
    return trigger_page(request, actor, get_trigger(actor, number))


@needs(Act.DEPLOY)
def save(request: HttpRequest, number: int) -> HttpResponse:
    """Change a trigger; it then deploys with the rights of whoever saves it."""
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    form = TriggerForm(request.POST)
    if form.is_valid():
        try:
            commands.edit_trigger(actor=actor, trigger=trigger, as_of=as_of(request), **form.values())
        except Changed as problem:
            tell_changed(request, form, problem)
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            tell_blocked(request, problem)
            return trigger_page(request, actor, trigger, form, status=409)
        else:
            _tell_trouble(request, hooks.hook_trouble(trigger=get_trigger(actor, number)))
            messages.success(request, _("Saved."))
            return redirect("trigger", number)
    return trigger_page(request, actor, trigger, form, status=422)


@never_cache
@require_POST
@needs(Act.DEPLOY)
def secret(request: HttpRequest, number: int) -> HttpResponse:
    """Renew the webhook's secret; the answer shows it, once, unless Fairway gave it to the forge itself."""
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    try:
        trigger, made = commands.renew_secret(actor=actor, trigger=trigger)
    except Blocked as problem:
        tell_blocked(request, problem)
        return trigger_page(request, actor, trigger, status=409)
    trouble = hooks.hook_trouble(trigger=trigger)
    if trigger.hook and not trouble:
        messages.success(request, _("The secret is renewed, and the forge has it."))
        return redirect("trigger", number)
    return trigger_page(request, actor, trigger, secret=made, status=201, seen=Seen(failure=trouble))


def _tell_trouble(request: HttpRequest, trouble: str) -> None:
    if trouble:
        messages.error(request, _("The webhook could not be changed: %(why)s") % {"why": trouble})


@require_POST
@needs(Act.DEPLOY)
def pause(request: HttpRequest, number: int) -> HttpResponse:
    return _set_paused(request, number, is_paused=True)


@require_POST
@needs(Act.DEPLOY)
def resume(request: HttpRequest, number: int) -> HttpResponse:
    return _set_paused(request, number, is_paused=False)


def _set_paused(request: HttpRequest, number: int, *, is_paused: bool) -> HttpResponse:
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    try:
        commands.edit_trigger(actor=actor, trigger=trigger, is_paused=is_paused)
    except Blocked as problem:
        tell_blocked(request, problem)
    except Invalid as problem:
        messages.error(request, f"{problem.field}: {problem.sentence}")
    else:
        said = (
            _("Pushes are ignored until you resume it.") if is_paused else _("Pushes are deployed again, with your rights.")
        )
        messages.success(request, said)
    return redirect("trigger", number)


@require_POST
@needs(Act.DEPLOY)
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete it, once its branch or tag was typed."""
    actor = actor_of(request)
    trigger = get_trigger(actor, number)
    if not is_confirmed(request, trigger.pattern):
        return redirect("trigger", number)
    try:
        trigger = commands.delete_trigger(actor=actor, trigger=trigger)
    except Blocked as problem:
        tell_blocked(request, problem)
        return redirect("trigger", number)
    if trouble := hooks.hook_trouble(trigger=trigger):
        messages.error(
            request, _("The webhook could not be removed at the forge; delete it there. %(why)s") % {"why": trouble}
        )
    messages.success(request, _("Pushes to %(name)s are no longer deployed.") % {"name": trigger.pattern})
    return redirect(reverse("application-deployments", args=[trigger.application.slug]))


def trigger_page(
    request: HttpRequest,
    actor: Actor,
    trigger: Trigger,
    form: TriggerForm | None = None,
    *,
    secret: str = "",
    seen: Seen = NOT_ASKED,
    status: int = 200,
) -> HttpResponse:
    """The page of one trigger."""
    initial = {"ref_kind": trigger.ref_kind, "pattern": trigger.pattern, "paths": "\n".join(trigger.paths)}
    context = {**trigger_shown(actor, trigger, secret, seen), "form": form or TriggerForm(initial=initial)}
    return page(request, "triggers/form.html", context, status=status)
