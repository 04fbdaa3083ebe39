"""Fairway as OpenID provider of the applications it runs. allauth answers; what it may answer is decided before."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fairway.accounts.permissions import actor_of, bearer_token, needs, public
from fairway.accounts.rules import Act
from fairway.shared.names import Invalid

ASKED = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)
LONGEST = 2000  # characters of one of them


@require_GET
@public("applications read here where they find what; it says nothing secret")
def configuration(request: HttpRequest) -> JsonResponse:
    """The description of the provider (OpenID Connect Discovery)."""
    from fairway.catalog.openid import SCOPES, issuer

    def there(name: str) -> str:
        return f"{issuer()}{reverse(name)}"

    return JsonResponse(
        {
            "issuer": issuer(),
            "authorization_endpoint": there("openid-authorize"),
            "token_endpoint": there("openid-token"),
            "userinfo_endpoint": there("openid-userinfo"),
            "jwks_uri": there("openid-keys"),
            "end_session_endpoint": there("account_logout"),
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "claims_supported": ["sub", "preferred_username", "name", "email", "email_verified"],
        }
    )


@require_GET
@public("applications verify signatures with it; these are public keys")
def keys(request: HttpRequest) -> HttpResponse:
    from allauth.idp.oidc.views import JwksView

    response: HttpResponse = JwksView.as_view()(request)
    del response["Access-Control-Allow-Origin"]  # applications read it, no pages of other sites do
    del response["Cache-Control"]
    return response


@never_cache
@require_GET
@needs(Act.VIEW)
def authorize(request: HttpRequest) -> HttpResponse:
    """Send a signed-in person, who may open the application, back to it with a code. Whatever is wrong with the address it
    would be sent to is said here; nobody is sent elsewhere."""
    from allauth.idp.oidc.views import AuthorizationView

    from fairway.catalog.openid import client_for, remember_code

    actor, asked = actor_of(request), _asked(request)
    client = client_for(actor, asked["client_id"])
    if asked["redirect_uri"] not in client.get_redirect_uris():
        raise Invalid("redirect_uri", "is not an address of this application; it is registered with: {known}.",
                      known=", ".join(client.get_redirect_uris()))  # fmt: skip
    if asked["response_type"] != "code":
        raise Invalid("response_type", "must be code; nothing else is offered.")
    if not asked["code_challenge"] or asked["code_challenge_method"] != "S256":
        raise Invalid("code_challenge", "is missing; set the application up to use PKCE with S256.")
    response: HttpResponse = AuthorizationView.as_view()(request)
    code = parse_qs(urlsplit(response.get("Location", "")).query).get("code", [""])[0]
    if code:
        remember_code(code, actor, client.pk)
    return response


@sensitive_post_parameters("code", "client_secret", "code_verifier")
@csrf_exempt
@never_cache
@require_POST
@public("applications exchange codes here; the code and the client's secret are the permission")
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code, once, for a token and the signed statement who somebody is."""
    from allauth.idp.oidc.views import TokenView

    from fairway.catalog.openid import forget_refresh_token, take_code, tie_token

    if request.POST.get("grant_type") != "authorization_code":
        return JsonResponse({"error": "unsupported_grant_type"}, status=400)
    code = request.POST.get("code", "")[:LONGEST]
    kept = take_code(code)
    if kept is None:
        return JsonResponse({"error": "invalid_grant"}, status=400)
    response: HttpResponse = TokenView.as_view()(request)
    if response.status_code != 200:
        return response
    made = json.loads(response.content)
    tie_token(made["access_token"], code, kept)
    forget_refresh_token(made.pop("refresh_token", ""))  # allauth makes one in any case; nothing here takes it
    made.pop("refresh_expires_in", None)
    return JsonResponse(made, headers={"Pragma": "no-cache"})


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
@public("applications ask here who somebody is; the token is the permission")
def userinfo(request: HttpRequest) -> HttpResponse:
    """Who somebody is, while they are signed in and may open the application."""
    from allauth.idp.oidc.views import UserInfoView

    from fairway.catalog.openid import still_counts

    if not still_counts(bearer_token(request) or ""):
        response = JsonResponse({"error": "invalid_token"}, status=401)
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        return response
    answer: HttpResponse = UserInfoView.as_view()(request)
    return answer


def _asked(request: HttpRequest) -> dict[str, str]:
    """What is understood of a request for a code; the rest of it is dropped. A parameter that is there twice is refused."""
    for name in ASKED:
        if len(request.GET.getlist(name)) > 1 or len(request.GET.get(name, "")) > LONGEST:
            raise Invalid(name, "must be there once, with at most {longest} characters.", longest=LONGEST)
    asked = {name: request.GET.get(name, "") for name in ASKED}
    understood = QueryDict(mutable=True)
    understood.update({name: value for name, value in asked.items() if value})
    request.GET = understood  # type: ignore[assignment]
    request.META["QUERY_STRING"] = understood.urlencode()
    return asked
