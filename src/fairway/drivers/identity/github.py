"""A client of GitHub and GitHub Enterprise Server: OAuth 2.0 with PKCE and state. GitHub is no OpenID Connect provider for
people: whom a token belongs to is asked of its API.

Groups are organisations (``acme``) and teams (``acme/platform``), in lower case, because GitHub ignores the case.

Source: docs.github.com, "Authorizing OAuth apps"; REST API 2022-11-28, "Users", "Organizations", "Teams".
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from fairway.drivers.identity.asking import Line
from fairway.drivers.identity.contract import Client, Identity, Proof, error_code, text_of
from fairway.drivers.identity.trouble import Trouble, Untrusted

PER_PAGE, MOST_PAGES = 100, 20
NO_CLIENT = ("incorrect_client_credentials", "Not Found")  # GitHub does not find a client ID that it does not know


def way_there(client: Client, proof: Proof, line: Line) -> str:
    """Where the browser is sent to sign in. Nobody is offered to sign up."""
    line.checked(client.issuer)
    asked = {
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": client.scopes,
        "state": proof.state,
        "code_challenge": proof.challenge,
        "code_challenge_method": "S256",
        "allow_signup": "false",
    }
    return f"{_signs_in_at(client)}?{urlencode(asked)}"


def vouched_for(client: Client, proof: Proof, brought: Mapping[str, str], line: Line) -> Identity:
    """Exchange the code, and ask whom the token belongs to. Raises `Untrusted`."""
    token, api = _token(client, brought["code"], proof.verifier, line), _api(client.issuer)
    person = line.get(f"{api}/user", token=token)
    number = person.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise Untrusted(Trouble.WRONG_SUBJECT)
    email = next((one for one in _pages(f"{api}/user/emails", token, line) if one.get("primary") is True), {})
    return Identity(
        issuer=client.issuer,
        subject=str(number),  # logins are given to others when they become free
        email=text_of(email, "email", 254),
        is_email_verified=email.get("verified") is True,
        username=text_of(person, "login", 150),
        name=text_of(person, "name", 150),
        groups=frozenset(_groups(client, api, token, line)),
    )


def try_out(client: Client, line: Line) -> str:
    """Ask, by a code that nobody has, whether GitHub knows the client and its secret. Raises `Untrusted`."""
    try:
        _token(client, f"fairway-tries-{secrets.token_urlsafe(8)}", secrets.token_urlsafe(48), line)
    except Untrusted as problem:
        if problem.trouble is not Trouble.CODE_REFUSED:
            raise
    return _signs_in_at(client)


def _token(client: Client, code: str, verifier: str, line: Line) -> str:
    """The access token for a code. GitHub answers most errors with 200."""
    form = {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }
    status, answer = line.post(f"{client.issuer.rstrip('/')}/login/oauth/access_token", form)
    error, token = answer.get("error"), answer.get("access_token")
    if error in NO_CLIENT or status == httpx.codes.NOT_FOUND:
        raise Untrusted(Trouble.CLIENT_REFUSED)
    if error == "bad_verification_code":
        raise Untrusted(Trouble.CODE_REFUSED)
    if status != httpx.codes.OK or error is not None or not isinstance(token, str) or not token:
        raise Untrusted(Trouble.TOKEN_REFUSED, status=status, error=error_code(error))
    return token


def _groups(client: Client, api: str, token: str, line: Line) -> Iterator[str]:
    """What decides something here is asked for, and nothing else."""
    if any("/" not in group for group in client.groups):
        for organisation in _pages(f"{api}/user/orgs", token, line):
            yield text_of(organisation, "login", 150).lower()
    if any("/" in group for group in client.groups):
        for team in _pages(f"{api}/user/teams", token, line):
            owner = team.get("organization")
            if isinstance(owner, dict) and (login := text_of(owner, "login", 150)) and (slug := text_of(team, "slug", 150)):
                yield f"{login}/{slug}".lower()


def _pages(address: str, token: str, line: Line) -> Iterator[dict[str, Any]]:
    """The objects of a list, which GitHub gives page by page."""
    for page in range(1, MOST_PAGES + 1):
        found = line.get_list(f"{address}?per_page={PER_PAGE}&page={page}", token=token)
        yield from (one for one in found if isinstance(one, dict))
        if len(found) < PER_PAGE:
            return


def _signs_in_at(client: Client) -> str:
    return f"{client.issuer.rstrip('/')}/login/oauth/authorize"


def _api(issuer: str) -> str:
    """Where its API is: at a host of its own on GitHub's own servers, below a path on a company's."""
    url = httpx.URL(issuer)
    if url.host == "github.com" or url.host.endswith(".ghe.com"):
        return str(url.copy_with(host=f"api.{url.host}", path="/")).rstrip("/")
    return f"{issuer.rstrip('/')}/api/v3"
