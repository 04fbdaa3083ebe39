"""What a provider says is believed only as far as it is proven; the provider here lies in every way that attackers try."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from fairway.drivers.addresses import intranet_too
from fairway.drivers.identity.asking import MOST_BYTES, Line
from fairway.drivers.identity.contract import Client, Identity, Proof
from fairway.drivers.identity.openid import (
    authorization_url,
    discover,
    identity_from,
    redeem,
    try_out,
)
from fairway.drivers.identity.trouble import Trouble, Untrusted
from tests.services.lying_provider import (
    CLIENT_ID,
    SECRET,
    Liar,
    answer,
    elliptic_jwk,
    elliptic_pair,
    key_pair,
    lying_provider,
    public_jwk,
    raw,
    signed,
)

ANY = Line(policy=None, seconds=20)
BACK = "http://localhost:8000/accounts/sign-in/liar/callback"


@pytest.fixture
def liar() -> Iterator[Liar]:
    with lying_provider() as one:
        yield one


def client(liar: Liar, **more: str) -> Client:
    return Client(**{"issuer": liar.issuer, "client_id": CLIENT_ID, "client_secret": SECRET, "redirect_uri": BACK, **more})


def come_back(liar: Liar, proof: Proof | None = None, **more: str) -> Identity:
    """The whole way of one sign-in."""
    proof, one = proof or Proof.new(), client(liar, **more)
    provider = discover(liar.issuer, ANY)
    brought = liar.begin(authorization_url(provider, one, proof))
    return redeem(provider, one, proof, brought["code"], ANY)


def refused(liar: Liar) -> Trouble:
    with pytest.raises(Untrusted) as problem:
        come_back(liar)
    return problem.value.trouble


def test_an_honest_provider_says_who_somebody_is(liar: Liar) -> None:
    found = come_back(liar)
    assert (found.issuer, found.subject, found.verified_email) == (liar.issuer, "ada-1", "ada@example.com")
    assert (found.name, found.username, found.groups) == ("Ada Lovelace", "lovelace", frozenset())


def test_everything_that_protects_a_sign_in_is_sent(liar: Liar) -> None:
    proof = Proof.new()
    url = authorization_url(discover(liar.issuer, ANY), client(liar), proof)
    sent = dict(parse_qsl(urlsplit(url).query))
    assert sent["state"] == proof.state
    assert sent["nonce"] == proof.nonce
    assert sent["code_challenge_method"] == "S256"
    assert proof.verifier not in url
    assert sent["redirect_uri"] == BACK
    assert len({proof.state, proof.nonce, proof.verifier}) == 3


def test_the_secret_is_sent_in_the_way_that_is_accepted(liar: Liar) -> None:
    liar.refuses_form = True
    assert come_back(liar).subject == "ada-1"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "RS512"])
def test_algorithms_of_a_public_key(liar: Liar, algorithm: str) -> None:
    liar.sign = lambda claims: signed(claims, algorithm=algorithm)
    assert come_back(liar).subject == "ada-1"


def test_elliptic_curves(liar: Liar) -> None:
    liar.keys = [elliptic_jwk(), public_jwk()]
    liar.sign = lambda claims: jwt.encode(claims, elliptic_pair(), algorithm="ES256", headers={"kid": "elliptic"})
    assert come_back(liar).subject == "ada-1"


# Attacks on the ID token


def test_a_token_without_signature_is_refused(liar: Liar) -> None:
    liar.sign = lambda claims: jwt.encode(claims, key=None, algorithm="none")
    assert refused(liar) is Trouble.ALGORITHM


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
def test_however_it_spells_that(liar: Liar, algorithm: str | None) -> None:
    def unsigned(claims: dict) -> str:
        parts = [{"alg": algorithm, "typ": "JWT", "kid": "key-0"}, claims]
        return ".".join([*(part64(json.dumps(part).encode()) for part in parts), ""])

    liar.sign = unsigned
    assert refused(liar) in (Trouble.ALGORITHM, Trouble.MALFORMED)


def part64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
def test_the_public_key_is_no_shared_secret(liar: Liar, form: str) -> None:
    """Key confusion: signed with HMAC, and the public key as its secret."""
    public = key_pair(0).public_key()
    secret = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(public_jwk()).encode(),
    }[form]

    def confused(claims: dict) -> str:
        head = {"alg": "HS256", "typ": "JWT", "kid": "key-0"}
        body = ".".join(part64(json.dumps(part).encode()) for part in (head, claims))
        return f"{body}.{part64(hmac.digest(secret, body.encode(), hashlib.sha256))}"

    liar.sign = confused
    assert refused(liar) is Trouble.ALGORITHM


def test_neither_is_a_shared_secret_that_is_published(liar: Liar) -> None:
    liar.keys = [{"kty": "oct", "kid": "key-0", "k": part64(b"published" * 8), "alg": "HS256"}]
    liar.sign = lambda claims: jwt.encode(claims, b"published" * 8, algorithm="HS256", headers={"kid": "key-0"})
    assert refused(liar) is Trouble.ALGORITHM


def test_the_client_secret_is_no_key_either(liar: Liar) -> None:
    secret = SECRET.encode().ljust(64, b"-")
    liar.sign = lambda claims: jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "key-0"})
    assert refused(liar) is Trouble.ALGORITHM


def test_another_key_of_the_same_name(liar: Liar) -> None:
    liar.sign = lambda claims: signed(claims, 1, kid="key-0")
    assert refused(liar) is Trouble.SIGNATURE


def test_a_key_that_the_token_brings_along(liar: Liar) -> None:
    liar.sign = lambda claims: signed(claims, 1, jwk=public_jwk(1), jku="http://127.0.0.1:9/keys", kid="key-1")
    assert refused(liar) is Trouble.UNKNOWN_KEY


def test_a_key_for_encryption_signs_nothing(liar: Liar) -> None:
    liar.keys = [public_jwk(use="enc")]
    assert refused(liar) is Trouble.UNKNOWN_KEY


def test_a_key_of_another_algorithm(liar: Liar) -> None:
    liar.keys = [public_jwk(alg="RS512")]
    assert refused(liar) is Trouble.UNKNOWN_KEY


def test_without_a_key_id_there_must_be_one_key(liar: Liar) -> None:
    liar.sign = lambda claims: jwt.encode(claims, key_pair(0), algorithm="RS256")
    assert come_back(liar).subject == "ada-1"
    liar.keys = [public_jwk(), public_jwk(1)]
    assert refused(liar) is Trouble.UNKNOWN_KEY


def test_a_short_key(liar: Liar) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    liar.keys = [{**json.loads(RSAAlgorithm.to_jwk(short.public_key())), "kid": "key-0"}]

    def by_short(claims: dict) -> str:
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            return jwt.encode(claims, short, algorithm="RS256", headers={"kid": "key-0"})

    liar.sign = by_short
    assert refused(liar) is Trouble.WEAK_KEY


def test_a_changed_token(liar: Liar) -> None:
    def changed(claims: dict) -> str:
        head, _, signature = signed(claims).split(".")
        return f"{head}.{part64(json.dumps({**claims, 'sub': 'somebody-else'}).encode())}.{signature}"

    liar.sign = changed
    assert refused(liar) is Trouble.SIGNATURE


def test_critical_headers_that_are_not_understood(liar: Liar) -> None:
    liar.sign = lambda claims: signed(claims, crit=["exp"])
    assert refused(liar) in (Trouble.ALGORITHM, Trouble.MALFORMED)


@dataclass(frozen=True)
class Hours:
    """A claim that is so many hours from now; the names of tests must not change with the clock."""

    hours: int


CLAIMS = [
    ({"iss": "https://evil.example"}, Trouble.WRONG_ISSUER),
    ({"iss": None}, Trouble.MALFORMED),
    ({"aud": "another-application"}, Trouble.WRONG_AUDIENCE),
    ({"aud": []}, Trouble.MALFORMED),
    ({"aud": None}, Trouble.MALFORMED),
    ({"aud": [CLIENT_ID, "another-application"]}, Trouble.WRONG_AUDIENCE),  # without azp nobody knows for whom it was made
    ({"aud": [CLIENT_ID, "another-application"], "azp": "another-application"}, Trouble.WRONG_AUDIENCE),
    ({"azp": "another-application"}, Trouble.WRONG_AUDIENCE),
    ({"exp": Hours(-1), "iat": Hours(-2)}, Trouble.EXPIRED),
    ({"exp": None}, Trouble.MALFORMED),
    ({"exp": "never"}, Trouble.MALFORMED),
    ({"iat": Hours(10), "exp": Hours(20)}, Trouble.FUTURE),
    ({"nbf": Hours(10), "exp": Hours(20)}, Trouble.FUTURE),
    ({"iat": None}, Trouble.MALFORMED),
    ({"nonce": "of-another-sign-in"}, Trouble.WRONG_NONCE),
    ({"nonce": None}, Trouble.WRONG_NONCE),
    ({"nonce": 7}, Trouble.WRONG_NONCE),
    ({"sub": ""}, Trouble.WRONG_SUBJECT),
    ({"sub": None}, Trouble.MALFORMED),
    ({"sub": 7}, Trouble.WRONG_SUBJECT),
    ({"sub": "é"}, Trouble.WRONG_SUBJECT),
    ({"sub": "x" * 256}, Trouble.WRONG_SUBJECT),
]


@pytest.mark.parametrize(("claims", "trouble"), CLAIMS, ids=str)
def test_claims_that_are_not_of_this_sign_in(liar: Liar, claims: dict, trouble: Trouble) -> None:
    now = int(time.time())
    liar.claims = {name: now + said.hours * 3600 if isinstance(said, Hours) else said for name, said in claims.items()}
    assert refused(liar) is trouble


def test_several_audiences_with_the_right_party(liar: Liar) -> None:
    liar.claims = {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}
    assert come_back(liar).subject == "ada-1"


def test_an_id_token_of_an_earlier_sign_in(liar: Liar) -> None:
    kept = liar.token(nonce="earlier")
    liar.sign = lambda claims: kept
    assert refused(liar) is Trouble.WRONG_NONCE


def test_a_code_works_once(liar: Liar) -> None:
    proof, one, provider = Proof.new(), client(liar), discover(liar.issuer, ANY)
    code = liar.begin(authorization_url(provider, one, proof))["code"]
    redeem(provider, one, proof, code, ANY)
    with pytest.raises(Untrusted) as problem:
        redeem(provider, one, proof, code, ANY)
    assert problem.value.trouble is Trouble.CODE_REFUSED


def test_userinfo_of_somebody_else(liar: Liar) -> None:
    liar.userinfo = {"sub": "grace-2", "email": "grace@example.com"}
    assert refused(liar) is Trouble.WRONG_SUBJECT


def test_userinfo_adds_what_the_token_lacks_and_replaces_nothing(liar: Liar) -> None:
    liar.claims = {"groups": ["signed"]}
    liar.userinfo = {"sub": "ada-1", "iss": "https://evil.example", "groups": ["more"], "nickname": "Ada"}
    found = come_back(liar, groups_claim="groups")
    assert (found.issuer, found.groups) == (liar.issuer, frozenset({"signed"}))


# What a provider publishes


def described(liar: Liar, **said: object) -> Trouble:
    liar.description = said
    with pytest.raises(Untrusted) as problem:
        discover(liar.issuer, ANY)
    return problem.value.trouble


def test_a_provider_that_calls_itself_something_else(liar: Liar) -> None:
    assert described(liar, issuer="https://accounts.google.com") is Trouble.ISSUER_DIFFERS
    assert described(liar, issuer=f"{liar.issuer}/") is Trouble.ISSUER_DIFFERS
    assert described(liar, issuer=None) is Trouble.ISSUER_DIFFERS


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_what_a_description_must_hold(liar: Liar, name: str) -> None:
    assert described(liar, **{name: None}) is Trouble.MISSING
    assert described(liar, **{name: 7}) is Trouble.MISSING
    assert described(liar, **{name: "http://login.example.com/x"}) is Trouble.NOT_HTTPS
    assert described(liar, **{name: "javascript:alert(1)"}) is Trouble.NOT_HTTPS
    assert described(liar, **{name: "https://user:password@login.example.com/"}) is Trouble.NOT_HTTPS


def test_what_a_provider_must_offer(liar: Liar) -> None:
    assert described(liar, response_types_supported=["id_token"]) is Trouble.NO_CODE_FLOW
    assert described(liar, code_challenge_methods_supported=["plain"]) is Trouble.NO_PKCE
    assert described(liar, token_endpoint_auth_methods_supported=["private_key_jwt"]) is Trouble.NO_CLIENT_SECRET


# Trying it


def tried(liar: Liar, **more: str) -> Trouble | None:
    try:
        try_out(client(liar, **more), ANY)
    except Untrusted as problem:
        return problem.trouble
    return None


def test_trying_says_what_is_wrong(liar: Liar) -> None:
    assert tried(liar) is None
    assert tried(liar, client_secret="another") is Trouble.CLIENT_REFUSED
    assert tried(liar, client_id="another") is Trouble.CLIENT_REFUSED
    liar.keys = []
    assert tried(liar) is Trouble.NO_KEYS
    liar.answers["/.well-known/openid-configuration"] = lambda asked: answer(asked, {}, 404)
    assert tried(liar) is Trouble.STATUS
    liar.answers["/.well-known/openid-configuration"] = lambda asked: raw(asked, b"<html>", kind="text/html")
    assert tried(liar) is Trouble.NOT_JSON
    liar.answers["/.well-known/openid-configuration"] = lambda asked: raw(asked, b"[1]")
    assert tried(liar) is Trouble.NOT_JSON
    liar.answers["/.well-known/openid-configuration"] = lambda asked: raw(asked, b"[" * 100_000)
    assert tried(liar) is Trouble.NOT_JSON


def test_trying_what_is_not_there(liar: Liar) -> None:
    assert tried(liar, issuer="http://127.0.0.1:1") is Trouble.UNREACHABLE
    assert tried(liar, issuer="https://nobody.invalid") is Trouble.UNKNOWN_HOST
    assert tried(liar, issuer="http://login.example.com") is Trouble.NOT_HTTPS
    assert tried(liar, issuer=f"https://127.0.0.1:{liar.port}") is Trouble.CERTIFICATE


def test_redirects_are_not_followed(liar: Liar) -> None:
    def elsewhere(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(302)
        asked.send_header("Location", "/keys")
        asked.end_headers()

    liar.answers["/.well-known/openid-configuration"] = elsewhere
    assert tried(liar) is Trouble.STATUS
    assert liar.requests == ["/.well-known/openid-configuration"]


def test_a_slow_provider_is_not_waited_for(liar: Liar) -> None:
    def drop_by_drop(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(200)
        asked.end_headers()
        try:
            while True:
                asked.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            return  # whoever asked has left

    liar.answers["/.well-known/openid-configuration"] = drop_by_drop
    with pytest.raises(Untrusted) as problem:
        discover(liar.issuer, Line(policy=None, seconds=0.5))
    assert problem.value.trouble is Trouble.TIMEOUT


def test_a_provider_that_says_too_much(liar: Liar) -> None:
    def without_end(asked: BaseHTTPRequestHandler) -> None:
        try:
            raw(asked, b" " * (MOST_BYTES + 100_000))
        except OSError:
            return  # whoever asked has left

    liar.answers["/.well-known/openid-configuration"] = without_end
    assert tried(liar) is Trouble.TOO_LARGE


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "0.0.0.0", "[::ffff:127.0.0.1]"])
def test_addresses_that_are_not_asked(liar: Liar, host: str) -> None:
    with pytest.raises(Untrusted) as problem:
        discover(f"https://{host}:{liar.port}", Line(policy=intranet_too))
    assert problem.value.trouble is Trouble.NOT_PERMITTED
    assert liar.requests == []


def test_neither_are_those_that_a_description_names(liar: Liar) -> None:
    with pytest.raises(Untrusted) as problem:
        Line(policy=intranet_too).checked(liar.issuer)  # plain http is for trying things out on one machine
    assert problem.value.trouble is Trouble.NOT_HTTPS


# Claims


def test_groups_may_lie_in_an_object() -> None:
    claims = {"iss": "i", "sub": "s", "realm_access": {"roles": ["a", "b", 7, ""]}, "a.b": ["plain"], "one": "single"}
    assert identity_from(claims, "realm_access.roles").groups == {"a", "b"}
    assert identity_from(claims, "a.b").groups == {"plain"}
    assert identity_from(claims, "one").groups == {"single"}
    assert identity_from(claims, "realm_access.nothing.more").groups == frozenset()
    assert identity_from(claims, "").groups == frozenset()


@pytest.mark.parametrize(
    ("said", "is_verified"), [(True, True), ("true", True), ("True", False), (1, False), ("1", False), (None, False)]
)
def test_only_a_plain_yes_verifies_an_address(said: object, is_verified: bool) -> None:
    found = identity_from({"iss": "i", "sub": "s", "email": "a@b.example", "email_verified": said}, "")
    assert bool(found.verified_email) is is_verified


def test_claims_of_a_wrong_type_are_missing() -> None:
    found = identity_from({"iss": "i", "sub": "s", "email": ["a@b.example"], "name": 7, "preferred_username": "a\nb"}, "")
    assert (found.email, found.name, found.username) == ("", "", "")


def test_secrets_are_in_no_representation() -> None:
    one = Client("i", "c", "the-secret", "r")
    assert "the-secret" not in repr(one)
    proof = Proof.new()
    assert proof.verifier not in repr(proof)
