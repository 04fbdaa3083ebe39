"""Signing in with a provider: the way there, the way back, and connecting one to an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from fairway.accounts.models import OneTimeLink, SignInProvider, User
from fairway.accounts.permissions import actor_if_signed_in, actor_of, needs, public
from fairway.accounts.provider_troubles import REFUSALS, trouble_words
from fairway.accounts.queries import asks_for_code, usable_link
from fairway.accounts.rules import Act
from fairway.accounts.sign_in_providers import client_of, line, offered_providers, speaks
from fairway.accounts.sign_in_rules import domain_of
from fairway.accounts.signing_in import (
    NotLetIn,
    accept_invitation_with,
    let_in,
    link_identity,
    note_refusal,
    unlink_identity,
)
from fairway.drivers.identity.trouble import Untrusted
from fairway.shared.names import Invalid
from fairway.web.pages import safe_next
from fairway.web.sign_in_state import Begun, begin, take

if TYPE_CHECKING:
    from fairway.drivers.identity.contract import Identity

LONGEST_ANSWER = 4096  # characters of a code or a state


@never_cache
@require_POST
@public("whoever signs in with a provider is not signed in yet; allauth limits how often it may be asked")
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Send the browser to the provider, to sign in."""
    return _sent_there(request, _offered(slug), next_url=safe_next(request))


@never_cache
@require_POST
@public("the link's secret is the permission; it is bound to one person and works once")
def accept(request: HttpRequest, secret: str, slug: str) -> HttpResponse:
    """Send the browser of an invited person to the provider, to connect it to their account instead of a password."""
    link = usable_link(secret, OneTimeLink.INVITATION)
    if link is None or link.user is None or asks_for_code(link.user):
        return redirect("invitation", secret)  # which says why, or offers only a password
    return _sent_there(request, _offered(slug), invitation=link.pk)


@never_cache
@require_POST
@needs(Act.CHANGE_ACCOUNT)
def connect(request: HttpRequest, slug: str) -> HttpResponse:
    """Send the browser of a signed-in person to the provider, to connect it to their account."""
    return _sent_there(request, _offered(slug), user=actor_of(request).id)


@require_POST
@needs(Act.CHANGE_ACCOUNT)
def disconnect(request: HttpRequest, number: int) -> HttpResponse:
    """Disconnect one of the person's own identities."""
    try:
        unlink_identity(actor=actor_of(request), number=number)
    except Invalid as problem:
        messages.error(request, problem.sentence[:1].upper() + problem.sentence[1:])
    else:
        messages.success(request, _("Disconnected."))
    return redirect("profile")


@never_cache
@require_GET
@public("browsers come back here from a provider; the state in their session says which sign-in they began")
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Verify whom the provider vouches for, and sign them in, or connect the identity to the account."""
    provider = _offered(slug)
    begun = take(request, slug, request.GET.get("state", "")[:LONGEST_ANSWER])
    if begun is None:
        sentence = _(
            "This sign-in was not begun in this browser, was used already, or took too long. "
            "Begin again from the sign-in page."
        )
        return _refused(request, provider, sentence, "state")
    from fairway.drivers.identity.contract import error_code

    if "error" in request.GET or not request.GET.get("code"):
        code = error_code(request.GET.get("error"))
        if code == "access_denied":
            return _refused(request, provider, _("You, or the provider, stopped the sign-in."), code)
        return _refused(request, provider, _("The provider answered with an error: %(code)s.") % {"code": code}, code)
    try:
        identity = _vouched_for(request, provider, begun)
    except Untrusted as problem:
        return _refused(request, provider, trouble_words(problem), problem.trouble.value, status=502)
    if begun.user:
        return _connected(request, provider, begun, identity)
    if begun.invitation:
        return _accepted(request, provider, begun.invitation, identity)
    return _signed_in(request, provider, begun, identity)


def _sent_there(request: HttpRequest, provider: SignInProvider, *, next_url: str = "", **whom: int | None) -> HttpResponse:
    """A page that leads on to the provider at once. It is a page, and no redirect: browsers apply the policy's `form-action`
    to every redirect after a form, and nobody knows by how many hosts of their own providers lead people."""
    from fairway.drivers.identity.contract import Proof

    if not ratelimit.consume(request, action="login"):
        return _refused(request, provider, _("Too many sign-ins were begun from here. Wait a minute."), "", status=429)
    client, proof = client_of(provider), Proof.new()
    try:
        there = speaks(provider).way_there(client, proof, line())
    except Untrusted as problem:
        return _refused(request, provider, trouble_words(problem), problem.trouble.value, status=502)
    begin(request, Begun(provider.slug, proof, next_url, **whom))
    response = render(request, "account/sign_in_leads_on.html", {"provider": provider, "url": there})
    response.headers["Refresh"] = f"0; url={there}"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@sensitive_variables("brought")
def _vouched_for(request: HttpRequest, provider: SignInProvider, begun: Begun) -> Identity:
    brought = {name: request.GET[name][:LONGEST_ANSWER] for name in ("code", "iss") if name in request.GET}
    return speaks(provider).vouched_for(client_of(provider), begun.proof, brought, line())


def _signed_in(request: HttpRequest, provider: SignInProvider, begun: Begun, identity: Identity) -> HttpResponse:
    try:
        user = let_in(provider=provider, identity=identity, **_where_from(request))
    except NotLetIn as refusal:
        return _not_let_in(request, provider, refusal)
    get_adapter().login_by(request, user, f"provider {provider.slug}")
    return redirect(begun.next)


def _accepted(request: HttpRequest, provider: SignInProvider, invitation: int, identity: Identity) -> HttpResponse:
    where = _where_from(request)
    try:
        user = accept_invitation_with(invitation=invitation, provider=provider, identity=identity, **where)
    except NotLetIn as refusal:
        return _not_let_in(request, provider, refusal)
    except Invalid:
        sentence = _("The link has been used, replaced or has expired; ask an administrator for a new one.")
        return _refused(request, provider, sentence, "invitation")
    get_adapter().login_by(request, user, f"provider {provider.slug}")
    return redirect("home")


def _connected(request: HttpRequest, provider: SignInProvider, begun: Begun, identity: Identity) -> HttpResponse:
    actor = actor_if_signed_in(request)
    if actor is None or actor.id != begun.user:
        sentence = _("You are not signed in any more as the person who began this. Sign in, and connect the provider again.")
        return _refused(request, provider, sentence, "signed_out")
    try:
        link_identity(actor=actor, provider=provider, identity=identity)
    except NotLetIn as refusal:
        return _not_let_in(request, provider, refusal)
    messages.success(request, _("%(name)s is connected: you can sign in with it from now on.") % {"name": provider.name})
    return redirect("profile")


def _not_let_in(request: HttpRequest, provider: SignInProvider, refusal: NotLetIn) -> HttpResponse:
    sentence = str(REFUSALS[refusal.why]).format(name=provider.name, domain=domain_of(refusal.email))
    return _refused(request, provider, sentence, refusal.why.value)


def _refused(
    request: HttpRequest, provider: SignInProvider, sentence: str, reason: str, *, status: int = 403
) -> HttpResponse:
    if reason:
        note_refusal(provider=provider, reason=reason, **_where_from(request))
    context = {"provider": provider, "sentence": sentence, "is_signed_in": isinstance(request.user, User)}
    return render(request, "account/sign_in_refused.html", context, status=status)


def _offered(slug: str) -> SignInProvider:
    found = offered_providers().filter(slug=slug).first()
    if found is None:
        raise Http404
    return found


def _where_from(request: HttpRequest) -> dict[str, Any]:
    return {
        "address": request.META.get("REMOTE_ADDR", ""),
        "client": request.headers.get("User-Agent", "")[:200],
    }
