"""Notifications in the settings: channels, what they hear, tests, and what was sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, needs
from fairway.accounts.rules import Act, Actor, Blocked
from fairway.activity.changes import Changed
from fairway.drivers.messengers.contract import Kind
from fairway.environments.models import Environment
from fairway.notifications.commands import channels as commands
from fairway.notifications.messages import TOPICS
from fairway.notifications.models import Channel
from fairway.notifications.queries import get_channel, get_notice
from fairway.notifications.rules import LONGEST_NAME, LONGEST_URL, MOST_ROUTES, Route
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.web.confirming import is_confirmed
from fairway.web.forms import PLAIN, refuse
from fairway.web.pages import page
from fairway.web.presenters.notifications import channel_shown, channels_shown, environments_to_choose, new_shown
from fairway.web.stale import as_of, tell_changed

LANGUAGES = [("", gettext_lazy("this installation's")), ("en", "English"), ("fr", "Français")]


class ChannelForm(forms.Form):
    """Where a channel goes: mail to addresses, everything else to a URL, which for a chat is a secret."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=LONGEST_NAME, widget=forms.TextInput(attrs=PLAIN))
    url = forms.CharField(label="URL", max_length=LONGEST_URL, widget=forms.TextInput(attrs=PLAIN))
    addresses = forms.CharField(
        label=gettext_lazy("Addresses"), max_length=5000, widget=forms.Textarea(attrs={**PLAIN, "rows": 3})
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=LANGUAGES, required=False)

    def __init__(self, *args: Any, kind: str, is_new: bool, **values: Any) -> None:
        super().__init__(*args, **values)
        del self.fields["url" if kind == Kind.MAIL else "addresses"]
        if "url" in self.fields:
            self.fields["url"].required = is_new

    def values(self) -> dict[str, Any]:
        """The arguments for the commands, without routes."""
        given = dict(self.cleaned_data)
        addresses = given.pop("addresses", "").replace(",", " ").split()
        return {**given, "addresses": addresses} if "addresses" in self.fields else given


class RouteForm(forms.Form):
    """One thing that the channel hears. Without a kind, it is none."""

    topics = forms.MultipleChoiceField(
        label=gettext_lazy("Hear of"),
        required=False,
        choices=[(topic.value, words) for topic, words in TOPICS.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    environments = forms.MultipleChoiceField(
        label=gettext_lazy("Only in"), required=False, widget=forms.CheckboxSelectMultiple
    )
    applications = forms.CharField(
        label=gettext_lazy("Only of these applications"),
        required=False,
        max_length=2200,
        widget=forms.TextInput(attrs=PLAIN),
    )

    def __init__(self, *args: Any, environments: list[Environment], **values: Any) -> None:
        super().__init__(*args, **values)
        field = self.fields["environments"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(one.slug, one.name) for one in environments]

    @property
    def is_spare(self) -> bool:
        """Whether nothing is chosen in it yet, and it is not the only one."""
        return self.prefix != "route-0" and not self["topics"].value()

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {**given, "applications": given["applications"].replace(",", " ").split()}


@require_GET
@needs(Act.MANAGE_SYSTEM)
def channel_list(request: HttpRequest) -> HttpResponse:
    return page(request, "settings/channels.html", channels_shown(actor_of(request)))


@never_cache
@sensitive_post_parameters("url")
@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_SYSTEM)
def new(request: HttpRequest) -> HttpResponse:
    """Add a channel; for a webhook, the answer shows its secret, once."""
    actor = actor_of(request)
    asked = request.GET.get("kind", "")
    kind = Kind(asked) if asked in set(Kind) else Kind.SLACK
    is_sent = request.method == "POST"
    form = ChannelForm(request.POST if is_sent else None, kind=kind, is_new=True)
    routes = _sent_routes(request, actor) if is_sent else _route_forms(actor, commands.usual_routes(), spare=0)
    if is_sent and form.is_valid() and all(route.is_valid() for route in routes):
        wanted = [route.values() for route in routes]
        try:
            channel, secret = commands.create_channel(actor=actor, kind=kind, routes=wanted, **form.values())
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            form.add_error(None, str(problem))
        else:
            if secret:
                return _page(request, actor, channel, secret=secret, status=201)
            messages.success(request, _("Saved. Send a test to see whether it works."))
            return redirect("channel", channel.pk)
    context = {**new_shown(kind), "form": form, "routes": routes}
    return page(request, "settings/channel.html", context, status=422 if is_sent else 200)


@never_cache
@sensitive_post_parameters("url")
@require_http_methods(["GET", "POST"])
@needs(Act.MANAGE_SYSTEM)
def edit(request: HttpRequest, number: int) -> HttpResponse:
    """One channel: its form, a test, and what was sent there."""
    actor = actor_of(request)
    channel = get_channel(actor, number)
    if request.method == "GET":
        return _page(request, actor, channel)
    form = ChannelForm(request.POST, kind=channel.kind, is_new=False)
    routes = _sent_routes(request, actor)
    status = 422
    if form.is_valid() and all(route.is_valid() for route in routes):
        wanted = [route.values() for route in routes]
        try:
            commands.edit_channel(actor=actor, channel=channel, as_of=as_of(request), routes=wanted, **form.values())
        except Changed as problem:
            tell_changed(request, form, problem)
            status = 409
        except Invalid as problem:
            refuse(form, problem)
        except Blocked as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Saved."))
            return redirect("channel", number)
    return _page(request, actor, channel, form=form, routes=routes, status=status)


@require_POST
@needs(Act.MANAGE_SYSTEM)
def test(request: HttpRequest, number: int) -> HttpResponse:
    """Send a test, and show what the receiver answered."""
    actor = actor_of(request)
    channel = get_channel(actor, number)
    try:
        commands.try_channel(actor=actor, channel=channel)
    except Refused as problem:
        return _page(request, actor, channel, failure=problem.sentence, status=409)
    return _page(request, actor, channel, is_sent=True)


@require_POST
@needs(Act.MANAGE_SYSTEM)
def pause(request: HttpRequest, number: int) -> HttpResponse:
    return _set_paused(request, number, is_paused=True)


@require_POST
@needs(Act.MANAGE_SYSTEM)
def resume(request: HttpRequest, number: int) -> HttpResponse:
    return _set_paused(request, number, is_paused=False)


def _set_paused(request: HttpRequest, number: int, *, is_paused: bool) -> HttpResponse:
    actor = actor_of(request)
    try:
        commands.edit_channel(actor=actor, channel=get_channel(actor, number), is_paused=is_paused)
    except Invalid as problem:
        messages.error(request, problem.sentence[:1].upper() + problem.sentence[1:])
    else:
        said = _("It is told nothing until you resume it.") if is_paused else _("It hears of what happens from now on.")
        messages.success(request, said)
    return redirect("channel", number)


@never_cache
@require_POST
@needs(Act.MANAGE_SYSTEM)
def secret(request: HttpRequest, number: int) -> HttpResponse:
    """Renew a webhook's secret; the answer shows it, once."""
    actor = actor_of(request)
    channel = get_channel(actor, number)
    if not is_confirmed(request, channel.name):
        return redirect("channel", number)
    try:
        channel, made = commands.renew_secret(actor=actor, channel=channel)
    except Invalid as problem:
        messages.error(request, problem.sentence[:1].upper() + problem.sentence[1:])
        return redirect("channel", number)
    return _page(request, actor, channel, secret=made, status=201)


@require_POST
@needs(Act.MANAGE_SYSTEM)
def again(request: HttpRequest, number: int, notice: int) -> HttpResponse:
    """Send a notice again."""
    actor = actor_of(request)
    channel = get_channel(actor, number)
    try:
        commands.send_again(actor=actor, channel=channel, notice=get_notice(channel, notice))
    except Invalid as problem:
        messages.error(request, problem.sentence[:1].upper() + problem.sentence[1:])
    else:
        messages.success(request, _("It is sent again."))
    return redirect("channel", number)


@require_POST
@needs(Act.MANAGE_SYSTEM)
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete it, once its name was typed."""
    actor = actor_of(request)
    channel = get_channel(actor, number)
    if not is_confirmed(request, channel.name):
        return redirect("channel", number)
    commands.delete_channel(actor=actor, channel=channel)
    messages.success(request, _("%(name)s is deleted.") % {"name": channel.name})
    return redirect("channels")


def _page(
    request: HttpRequest,
    actor: Actor,
    channel: Channel,
    *,
    form: ChannelForm | None = None,
    routes: list[RouteForm] | None = None,
    secret: str = "",
    failure: str = "",
    is_sent: bool = False,
    status: int = 200,
) -> HttpResponse:
    initial = {"name": channel.name, "language": channel.language, "addresses": "\n".join(channel.addresses)}
    context = {
        **channel_shown(actor, channel, secret=secret, failure=failure, is_sent=is_sent),
        "form": form or ChannelForm(initial=initial, kind=channel.kind, is_new=False),
        "routes": routes or _route_forms(actor, channel.heard, spare=1),
    }
    return page(request, "settings/channel.html", context, status=status)


def _route_forms(actor: Actor, routes: list[Route], *, spare: int) -> list[RouteForm]:
    """A form for each route, and `spare` empty ones."""
    environments = environments_to_choose(actor)
    filled = [
        {**route.stored(), "applications": ", ".join(route.applications)} for route in routes
    ]  # fmt: skip
    wanted = [*filled, *[{}] * max(spare, not filled)][:MOST_ROUTES]
    return [RouteForm(initial=initial, environments=environments, prefix=f"route-{at}") for at, initial in enumerate(wanted)]


def _sent_routes(request: HttpRequest, actor: Actor) -> list[RouteForm]:
    """The forms of the routes that were sent."""
    text = request.POST.get("routes", "")
    count = min(int(text), MOST_ROUTES) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    environments = environments_to_choose(actor)
    return [RouteForm(request.POST, environments=environments, prefix=f"route-{at}") for at in range(max(count, 1))]
