"""The words for what is wrong with a sign-in provider, and for why somebody is not let in."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fairway.accounts.sign_in_rules import Why
from fairway.drivers.identity.trouble import Trouble, Untrusted

TROUBLES: Mapping[Trouble, str | Promise] = {
    Trouble.NOT_HTTPS: _("“{url}” does not start with https://; nothing secret is sent unencrypted."),
    Trouble.UNKNOWN_HOST: _("There is no machine called “{host}”: the name cannot be resolved (DNS). Check the issuer."),
    Trouble.NOT_PERMITTED: _(
        "“{host}” is at an address that Fairway does not connect to: this machine itself, or a private network. "
        "FAIRWAY_SIGN_IN_ADDRESSES, set where Fairway is started, says which addresses are allowed."
    ),
    Trouble.UNREACHABLE: _("“{host}” cannot be reached on port {port}. Check the issuer; a firewall may block it."),
    Trouble.TIMEOUT: _("“{host}” did not answer completely within {seconds} seconds."),
    Trouble.CERTIFICATE: _("The certificate of “{host}” cannot be trusted: {answer}"),
    Trouble.STATUS: _("{url} answered {status}. Check the issuer."),
    Trouble.NOT_JSON: _("{url} did not answer with a JSON object. Check the issuer."),
    Trouble.NO_LIST: _("{url} did not answer with a JSON list. Check the issuer."),
    Trouble.TOO_LARGE: _("{url} answered with more than is read. Check the issuer."),
    Trouble.ISSUER_DIFFERS: _("The provider calls itself “{said}”, not “{issuer}”. Enter exactly what it calls itself."),
    Trouble.MISSING: _("The provider's description lacks “{name}”, or it is not an address."),
    Trouble.NO_CODE_FLOW: _("The provider does not offer the authorization code flow (response type “code”)."),
    Trouble.NO_PKCE: _("The provider does not offer PKCE with S256."),
    Trouble.NO_CLIENT_SECRET: _(
        "The provider accepts a client secret neither in the form (client_secret_post) nor in the header "
        "(client_secret_basic)."
    ),
    Trouble.NO_KEYS: _("{url} has no key with which an ID token's signature could be verified."),
    Trouble.CLIENT_REFUSED: _("The provider refused the client ID or the client secret."),
    Trouble.CODE_REFUSED: _("The provider did not accept its own code: it was used before, or has expired."),
    Trouble.TOKEN_REFUSED: _("The provider answered {status} instead of a token ({error})."),
    Trouble.NO_ID_TOKEN: _("The provider sent no ID token. The scopes must contain “openid”."),
    Trouble.MALFORMED: _("The provider sent an ID token that cannot be read, or that lacks something it must contain."),
    Trouble.ALGORITHM: _("The ID token is not signed with a public key of the provider (algorithm “{algorithm}”)."),
    Trouble.UNKNOWN_KEY: _("The ID token is signed with a key that the provider does not publish."),
    Trouble.WEAK_KEY: _("The ID token is signed with a key that is too short."),
    Trouble.SIGNATURE: _("The signature of the ID token is wrong."),
    Trouble.WRONG_ISSUER: _("The ID token was made by another provider."),
    Trouble.WRONG_AUDIENCE: _("The ID token was made for another application."),
    Trouble.EXPIRED: _("The ID token has expired. The clock of this machine or of the provider may be wrong."),
    Trouble.FUTURE: _("The ID token is not valid yet. The clock of this machine or of the provider may be wrong."),
    Trouble.WRONG_NONCE: _("The ID token was made for another sign-in."),
    Trouble.WRONG_SUBJECT: _("The provider does not say clearly who signed in."),
    Trouble.PROPOSAL: _("The job runs what somebody proposes (a pull or merge request); such jobs may not deploy."),
}

REFUSALS: Mapping[Why, str | Promise] = {
    Why.NO_EMAIL: _("Only people with a mail address of certain domains may sign in, and {name} did not confirm yours."),
    Why.DOMAIN: _("People with a mail address of “{domain}” may not sign in with {name}."),
    Why.GROUP: _("Only members of certain groups may sign in with {name}, and it does not list you in one of them."),
    Why.UNKNOWN: _(
        "No account here is connected to this identity. If you have one, sign in with it and connect {name} in your "
        "profile; otherwise ask an administrator."
    ),
    Why.TAKEN: _(
        "There is already an account with your mail address. Sign in with it and connect {name} in your profile; "
        "an address alone proves nothing."
    ),
    Why.DEACTIVATED: _("Your account has been deactivated. Ask an administrator."),
    Why.LINKED_ELSEWHERE: _("This identity is already connected to another account."),
}


def trouble_words(problem: Untrusted) -> str:
    """The problem as a sentence in the reader's language."""
    return str(TROUBLES[problem.trouble]).format(**problem.words)
