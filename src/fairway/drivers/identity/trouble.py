"""Why an identity provider, or what it said, is not trusted."""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """What is wrong. The words are in `fairway.accounts.provider_troubles`."""

    NOT_HTTPS = "not_https"
    UNKNOWN_HOST = "unknown_host"
    NOT_PERMITTED = "not_permitted"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CERTIFICATE = "certificate"
    STATUS = "status"
    NOT_JSON = "not_json"
    NO_LIST = "no_list"
    TOO_LARGE = "too_large"
    ISSUER_DIFFERS = "issuer_differs"
    MISSING = "missing"
    NO_CODE_FLOW = "no_code_flow"
    NO_PKCE = "no_pkce"
    NO_CLIENT_SECRET = "no_client_secret"  # noqa: S105 -- the provider offers no way to use one
    NO_KEYS = "no_keys"
    CLIENT_REFUSED = "client_refused"
    CODE_REFUSED = "code_refused"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 -- no password
    NO_ID_TOKEN = "no_id_token"  # noqa: S105 -- no password
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown_key"
    WEAK_KEY = "weak_key"
    SIGNATURE = "signature"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    EXPIRED = "expired"
    FUTURE = "future"
    WRONG_NONCE = "wrong_nonce"
    WRONG_SUBJECT = "wrong_subject"
    PROPOSAL = "proposal"


class Untrusted(Exception):
    """`words` fill the sentence of the trouble. They never hold a secret, a code or a token."""

    def __init__(self, trouble: Trouble, **words: object) -> None:
        super().__init__(trouble.value)
        self.trouble, self.words = trouble, words
