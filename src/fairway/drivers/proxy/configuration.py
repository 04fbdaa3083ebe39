"""Builds Caddy's configuration. It is static, so that Caddy never reloads. Pure: no I/O.

All paths in it are relative, and Caddy runs in its folder: a data directory may have any name, and the path of a Unix socket
has at most 107 bytes. A request is handled in these steps:

1. The host is lower-cased and loses its trailing dot. If it is not a valid host name, the `unknown` page answers. If it is
   Fairway's own, Fairway answers (`own_pages`).
2. A `file` matcher looks for ``/<kind>/<host>/*``, with the kinds in the order of `LOOKUP`. It does so three times, in case
   the first look happens during a switch.
3. The kind in the found path chooses: the application, sign-in and then the application, or a page.
4. The name of the file lists the replicas. They take turns, or (`STICKY`) a cookie names the replica that the visitor had
   before. If that one is gone, after a switch or a crash, another is chosen.

Replicas are *dynamic* upstreams although the file's name has their addresses: Caddy stores the health of a static upstream
under the text of its `dial`, so with ``dial: "{up1}"`` one dead application would mark the slot, and with it every other
application, as down (seen with Caddy 2.11.7). The health of dynamic upstreams is stored under their real addresses.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal

from fairway.drivers.proxy import pages
from fairway.drivers.proxy.contract import RouteKind
from fairway.drivers.proxy.handlers import Json, matches, not_counted, page_answer, subroute, without_spoofed
from fairway.drivers.proxy.logs import logs
from fairway.drivers.proxy.own_pages import OwnPages, own_pages
from fairway.drivers.proxy.token import PROXY_HEADER

SLOTS = 8
ADMIN_SOCKET = "admin.sock"
ROUTES = "routes"
# Signed-in comes first: if a host has both kinds (a switch was interrupted), it stays closed to strangers.
LOOKUP = (
    RouteKind.SIGNED_IN,
    RouteKind.OPEN,
    RouteKind.SLEEPING_SIGNED_IN,
    RouteKind.SLEEPING,
    RouteKind.STARTING,
    RouteKind.STOPPED,
    RouteKind.DOWN,
)
STICKY = "sticky,"  # prefix of the name of a sticky route's file
ROUNDS = 3  # with one round, 5–14 requests per 50 switches missed the new file (docs/measurements.md)

PROBE_HEADER = "X-Fairway-Probe"  # carries the token; the answer then has the next header
UPSTREAM_HEADER = "X-Fairway-Upstream"  # which replica answered; only the probe receives it
IDENTITY_HEADERS = ("X-Fairway-User", "X-Fairway-Email", "X-Fairway-Name")
ACCESS_PATH = "/.fairway/access"  # Fairway answers 2xx (the visitor may pass), or what the browser receives instead
WAKE_PATH = "/.fairway/wake"  # Fairway answers once the application serves, or nothing more can be hoped for
# How long a request to a sleeping application looks for Fairway, which may be restarting.
WAKE_PATIENCE = "60s"
LONGEST_SIGNED_IN_STREAM = "15m"  # access is checked only when a WebSocket opens; closing it forces another check
FAIRWAY_PATHS = "/.fairway/*"  # on signed-in hosts Fairway answers these, to hand over a sign-in

STICKY_COOKIE = "fairway_instance"  # its value is a keyed hash of the replica's address, which does not reveal it

# What it has of a request besides its status, size and time.
_COUNTED = {
    "host": "{http.request.host}",
    "upstream": "{http.reverse_proxy.upstream.hostport}",
    "answered_ms": "{http.reverse_proxy.upstream.latency_ms}",  # until the replica's headers had come
}
_HOST = r"^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$"
_LOCAL_HOST = r"(?:^|\.)(?:localhost|local|internal|test)$"  # RFC 6761, RFC 6762: no public certificate exists for these
_ADDRESS = r"\[?([^/,\[\]]+?)\]?:([0-9]+)"
TURNS: Json = {"policy": "round_robin"}
_DIED = "EOF|connection reset by peer|broken pipe|connection refused"
_WOKEN = "woken"  # variable of a request: Fairway has said that the application is up
_FOUND = "{http.matchers.file.relative}"
_HOST_NAME = "{http.request.host}"
_AS_IT_WAS: Json = {
    "handler": "error",
    "status_code": "{http.error.status_code}",
    "error": "{http.error.message}",
}  # raise the error again


@dataclass(frozen=True)
class Https:
    """HTTPS with certificates that are made when a host is first requested.

    `ask_url` answers 200 only for hosts that have a route (Caddy adds ``?domain=``). The `issuer` ``internal`` makes
    certificates of Caddy's own authority. `directory_url` names an ACME server other than Let's Encrypt.
    """

    port: int
    ask_url: str
    issuer: Literal["acme", "internal"] = "acme"
    directory_url: str = ""
    email: str = ""


@dataclass(frozen=True)
class ProxySettings:
    """The settings that a person may choose. `web` is Fairway's own ``host:port``; `token` is the secret that its processes
    share."""

    port: int
    web: str
    token: str = field(repr=False)
    binds: tuple[str, ...] = ("127.0.0.1", "::1")  # browsers resolve *.localhost to either
    https: Https | None = None
    own_pages: OwnPages | None = None  # Fairway's own pages, if people reach them through this proxy
    trusted_proxies: tuple[str, ...] = ()  # address ranges whose X-Forwarded-* we trust, e.g. a load balancer in front


def build(settings: ProxySettings) -> Json:
    """The complete configuration for ``caddy run``."""
    apps: Json = {"http": _http(settings)}
    if settings.https:
        apps["tls"] = _tls(settings.https)
        apps["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    return {
        "admin": {"listen": f"unix/{ADMIN_SOCKET}|0600", "config": {"persist": False}},
        "storage": {"module": "file_system", "root": "storage"},
        "logging": {"logs": logs(hidden=(PROBE_HEADER, PROXY_HEADER))},
        "apps": apps,
    }


def _http(settings: ProxySettings) -> Json:
    servers = {"http": _server(settings, settings.port, secure=False)}
    app: Json = {"http_port": settings.port, "grace_period": "10s", "servers": servers}
    if settings.https:
        app["https_port"] = settings.https.port
        servers["https"] = _server(settings, settings.https.port, secure=True)
    return app


def _server(settings: ProxySettings, port: int, *, secure: bool) -> Json:
    server: Json = {
        "listen": [_listen(bind, port) for bind in settings.binds],
        "protocols": ["h1", "h2"] if secure else ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": "10s",
        "idle_timeout": "5m",
        "routes": _routes(settings, redirect=bool(settings.https) and not secure),
        "errors": {"routes": [_gateway_errors()]},
        "logs": {"default_logger_name": "traffic"},
    }
    if secure:
        server["tls_connection_policies"] = [{}]
    if settings.trusted_proxies:
        server["trusted_proxies"] = {"source": "static", "ranges": list(settings.trusted_proxies)}
    return server


def _listen(bind: str, port: int) -> str:
    return f"[{bind}]:{port}" if ":" in bind else f"{bind}:{port}"


# --- routes, in the order in which Caddy tries them ------------------------------------------------------------------


def _routes(settings: ProxySettings, *, redirect: bool) -> list[Json]:
    unknown = [not_counted(), page_answer("unknown")]
    own = own_pages(settings.own_pages, settings.web, settings.token, redirect=redirect) if settings.own_pages else []
    return [
        _clean_host(),
        {"match": [{"not": [matches(_HOST_NAME, _HOST)]}], "handle": unknown, "terminal": True},
        *own,
        {"handle": [_found_twice(settings, redirect=redirect)]},
        {"handle": unknown},
    ]


def _found_twice(settings: ProxySettings, *, redirect: bool) -> Json:
    """Find the route and answer; repeat both once if a replica died while it was answering a GET.

    Caddy tries another replica only within `try_duration` of the start of the request, so a slow request would fail although
    other replicas could answer it. A replica that died cannot be told from one that refuses connections (the transport has
    retried by itself), so a GET of an application that is down waits this little longer for its page.
    """
    died: Json = {"method": ["GET", "HEAD"], **matches("{http.error.message}", _DIED)}
    again = {"match": [died], "handle": [subroute([_found(settings, redirect=redirect, patience="500ms")])]}
    once = subroute([_found(settings, redirect=redirect, patience="2s")])
    return {**once, "errors": {"routes": [again, {"handle": [_AS_IT_WAS]}]}}


def _found(settings: ProxySettings, *, redirect: bool, patience: str) -> Json:
    routed = [_counted(), _probe_answers(settings.token)]
    if redirect and settings.https:
        routed.append(_to_https(settings.token, settings.https.port))
    routed += [*_serving(settings, patience), *_sleeping(settings, patience)]
    routed += [_when_found(kind, [page_answer(kind.value)]) for kind in pages.KINDS]
    return {"match": [{"file": _lookup()}], "handle": [subroute(routed)], "terminal": True}


def _clean_host() -> Json:
    """Lower-case the host. Caddy has no function for that, so a header is replaced letter by letter, only for hosts that
    need it."""
    letters: list[Json] = [{"search": chr(code), "replace": chr(code).lower()} for code in range(ord("A"), ord("Z") + 1)]
    letters.append({"search_regexp": r"\.(:[0-9]+)?$", "replace": "$1"})
    name = "X-Fairway-Host"
    return {
        "match": [matches("{http.request.hostport}", r"[A-Z]|\.(?::[0-9]+)?$")],
        "handle": [
            {"handler": "headers", "request": {"set": {name: ["{http.request.hostport}"]}}},
            {"handler": "headers", "request": {"replace": {name: letters}}},
            {"handler": "headers", "request": {"set": {"Host": [f"{{http.request.header.{name}}}"]}}},
        ],
    }


def _lookup() -> Json:
    return {"root": ROUTES, "try_files": [f"/{kind}/{_HOST_NAME}/*" for kind in LOOKUP] * ROUNDS}


def _counted() -> Json:
    """Add to the log's line about this request what `traffic.py` counts it by."""
    return {"handle": [{"handler": "log_append", "key": key, "value": value} for key, value in _COUNTED.items()]}


def _probe_answers(token: str) -> Json:
    """Tell the probe, and nobody else, which replica answered. The probe's requests are not counted."""
    headers = {"deferred": True, "set": {UPSTREAM_HEADER: ["{http.reverse_proxy.upstream.hostport}"]}}
    return {
        "match": [_is_probe(token)],
        "handle": [not_counted(), {"handler": "headers", "response": headers}],
    }


def _to_https(token: str, port: int) -> Json:
    suffix = "" if port == 443 else f":{port}"
    target = f"https://{_HOST_NAME}{suffix}{{http.request.uri}}"
    return {
        "match": [{"not": [matches(_HOST_NAME, _LOCAL_HOST), _is_probe(token)]}],
        "handle": [{"handler": "static_response", "status_code": 308, "headers": {"Location": [target]}}],
        "terminal": True,
    }


def _serving(settings: ProxySettings, patience: str) -> list[Json]:
    return [_open(settings, patience), _signed_in(settings, patience)]


def _open(settings: ProxySettings, patience: str) -> Json:
    return _when_found(RouteKind.OPEN, _to_replicas(settings, patience))


def _signed_in(settings: ProxySettings, patience: str) -> Json:
    """Ask Fairway before every request. The probe passes, because it measures the application, not the sign-in page."""
    asked = [_ask_access(settings), *_to_replicas(settings, patience, identity=IDENTITY_HEADERS)]
    routes: list[Json] = [
        _fairways_own(settings),
        {"match": [_is_probe(settings.token)], "handle": _to_replicas(settings, patience), "terminal": True},
        {"handle": asked},
    ]
    return _when_found(RouteKind.SIGNED_IN, [subroute(routes)])


def _fairways_own(settings: ProxySettings) -> Json:
    """Fairway's own pages on an application's host. Only the proxy itself asks to wake an application."""
    paths = {"path": [FAIRWAY_PATHS], "not": [{"path": [WAKE_PATH]}]}
    return {"match": [paths], "handle": [not_counted(), _to_web(settings)], "terminal": True}


def _sleeping(settings: ProxySettings, patience: str) -> list[Json]:
    """A sleeping application is woken by its first request. Whoever may not open it does not wake it."""
    asked = [_ask_access(settings), _woken(settings, patience)]
    return [
        _when_found(RouteKind.SLEEPING, [_woken(settings, patience)]),
        _when_found(RouteKind.SLEEPING_SIGNED_IN, [subroute([_fairways_own(settings), {"handle": asked}])]),
    ]


def _woken(settings: ProxySettings, patience: str) -> Json:
    """Hold the request until Fairway says that the application is up; then look its route up again, and answer.

    Fairway is asked twice, because a process that ends sends those who wait away, and the next one knows. Errors that come
    before Fairway has answered are its own: the starting page, which reloads itself, is shown instead of the page that says
    that the application is down.
    """
    pages_of = [_when_found(kind, [page_answer(kind.value)]) for kind in pages.KINDS]
    answered = {
        "match": [{"file": _lookup()}],
        "handle": [subroute([*_serving(settings, patience), *pages_of])],
    }
    ask = {"handle": [_ask_to_wake(settings)]}
    is_woken = {"vars": {_WOKEN: ["1"]}}
    errors = [{"match": [{"not": [is_woken]}], "handle": [page_answer("starting")]}, {"handle": [_AS_IT_WAS]}]
    return {
        **subroute([ask, answered, ask, answered, {"handle": [page_answer("starting")]}]),
        "errors": {"routes": errors},
    }


def _ask_to_wake(settings: ProxySettings) -> Json:
    """Fairway needs to know only the host. The request's body stays for the application; what would switch protocols is
    left out, else Fairway's answer would do so."""
    headers = _web_headers(settings)
    headers["request"]["delete"] += ["Connection", "Upgrade", "Sec-WebSocket-*", "Expect", "Cookie", "Authorization"]
    said = {"match": {"status_code": [2]}, "routes": [{"handle": [{"handler": "vars", _WOKEN: "1"}]}]}
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": settings.web}],
        "rewrite": {"method": "GET", "uri": WAKE_PATH + "?"},
        "headers": headers,
        "load_balancing": {"try_duration": WAKE_PATIENCE, "try_interval": "250ms"},
        "handle_response": [said, {"routes": [{"handle": [{"handler": "vars", _WOKEN: "0"}]}]}],
    }


def _when_found(kind: RouteKind, handle: list[Json]) -> Json:
    return {"match": [matches(_FOUND, f"^/?{kind}/")], "handle": handle, "terminal": True}


def _gateway_errors() -> Json:
    """Answer with the `down` page, instead of an empty 502, if no replica could be reached."""
    return {"match": [{"vars": {"{http.error.status_code}": ["502", "503", "504"]}}], "handle": [page_answer("down")]}


# --- handlers --------------------------------------------------------------------------------------------------------


def _to_replicas(settings: ProxySettings, patience: str, identity: tuple[str, ...] = ()) -> list[Json]:
    """Split the file's name into addresses and pass the request on to one of them, trying others for `patience`.

    Headers that only Fairway may set are deleted first. The proxy itself sets the `identity` headers last of all: a header
    set earlier is lost if the visitor sends ``Connection: X-Fairway-User``. Caddy flushes server-sent events and streams at
    once by itself; `flush_interval` -1 would also do that, but keeps a request running after its client has left.
    """
    hosts, ports = [f"{{ip{n}}}" for n in range(1, SLOTS + 1)], [f"{{port{n}}}" for n in range(1, SLOTS + 1)]
    outputs = [f"${{{n}}}" for n in range(1, 2 * SLOTS, 2)] + [f"${{{n}}}" for n in range(2, 2 * SLOTS + 1, 2)]
    split: Json = {"input_regexp": f"/(?:{STICKY})?" + ",".join([_ADDRESS] * SLOTS) + "$", "outputs": outputs}
    sources = [{"source": "a", "name": name, "port": port} for name, port in zip(hosts, ports, strict=True)]
    return [
        without_spoofed(),
        {"handler": "map", "source": _FOUND, "destinations": hosts + ports, "mappings": [split]},
        subroute(
            [
                {
                    "match": [matches(_FOUND, f"/{STICKY}")],
                    "handle": [_closed_cookie(), _replicas(sources, patience, identity, _kept_with_one(settings))],
                    "terminal": True,
                },
                {"handle": [_replicas(sources, patience, identity, TURNS)]},
            ]
        ),
    ]


def _replicas(sources: list[Json], patience: str, identity: tuple[str, ...], policy: Json) -> Json:
    headers: Json = {"set": {name: [f"{{http.vars.{_variable(name)}}}"] for name in identity}}
    return {
        "handler": "reverse_proxy",
        "dynamic_upstreams": {"source": "multi", "sources": sources},
        "transport": _transport(),
        "load_balancing": {"selection_policy": policy, "try_duration": patience, "try_interval": "100ms"},
        # Short and forgiving: one broken answer must not mark an application's only replica as down.
        "health_checks": {"passive": {"fail_duration": "1s", "max_fails": 3}},
        "headers": {"request": headers, "response": {"delete": ["X-Fairway-*"]}},
        **({"stream_timeout": LONGEST_SIGNED_IN_STREAM} if identity else {}),
    }


def _kept_with_one(settings: ProxySettings) -> Json:
    """The policy that uses the replica named by the cookie. A visitor without a cookie, or whose replica is gone, gets the
    next replica and its cookie."""
    secret = hmac.new(settings.token.encode(), STICKY_COOKIE.encode(), hashlib.sha256).hexdigest()
    return {"policy": "cookie", "name": STICKY_COOKIE, "secret": secret, "fallback": TURNS}


def _closed_cookie() -> Json:
    """Restrict Caddy's cookie: by default scripts can read it, and if it is Secure, other sites' requests send it. Only the
    proxy needs it."""
    written = rf"^({STICKY_COOKIE}=[0-9a-f]+; Path=/)(?:; HttpOnly)?(; Secure)?(?:; SameSite=\w+)?$"
    closed = [{"search_regexp": written, "replace": "$1$2; HttpOnly; SameSite=Lax"}]
    return {"handler": "headers", "response": {"deferred": True, "replace": {"Set-Cookie": closed}}}


def _transport() -> Json:
    """`idle_timeout` is shorter than that of common servers (gunicorn 2 s, uvicorn and Node 5 s): whichever side closes an
    idle connection first cannot lose a request on it."""
    return {
        "protocol": "http",
        "dial_timeout": "1s",
        "compression": False,
        "keep_alive": {"idle_timeout": "1500ms", "max_idle_conns_per_host": 64},
    }


def _to_web(settings: ProxySettings) -> Json:
    """Answer with Fairway's own pages on an application's host. X-Forwarded-Host has the requested host."""
    return {"handler": "reverse_proxy", "upstreams": [{"dial": settings.web}], "headers": _web_headers(settings)}


def _ask_access(settings: ProxySettings) -> Json:
    """Ask Fairway whether the visitor may pass: after a 2xx the request continues, any other answer goes to the visitor.
    This is what Caddy's `forward_auth` expands to, except that the identity is kept in variables."""
    headers = _web_headers(settings)
    headers["request"]["set"] |= {
        "X-Forwarded-Method": ["{http.request.method}"],
        "X-Forwarded-Uri": ["{http.request.uri}"],
    }
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": settings.web}],
        "rewrite": {"method": "GET", "uri": ACCESS_PATH + "?"},  # without the query of the visitor's request
        "headers": headers,
        "handle_response": [{"match": {"status_code": [2]}, "routes": [{"handle": [_kept_identity()]}]}],
    }


def _kept_identity() -> Json:
    return {"handler": "vars"} | {_variable(name): f"{{http.reverse_proxy.header.{name}}}" for name in IDENTITY_HEADERS}


def _variable(header: str) -> str:
    return header.lower().replace("-", "_")


def _web_headers(settings: ProxySettings) -> Json:
    given = {"Host": ["{http.reverse_proxy.upstream.hostport}"], PROXY_HEADER: [settings.token]}
    return {"request": {"set": given, "delete": [PROBE_HEADER]}}


def _is_probe(token: str) -> Json:
    return {"header": {PROBE_HEADER: [token]}, "remote_ip": {"ranges": ["127.0.0.0/8", "::1"]}}


def _tls(https: Https) -> Json:
    issuer: Json = {"module": https.issuer}
    if https.directory_url:
        issuer["ca"] = https.directory_url
    if https.email:
        issuer["email"] = https.email
    return {
        "automation": {
            "policies": [{"on_demand": True, "issuers": [issuer]}],
            "on_demand": {"permission": {"module": "http", "endpoint": https.ask_url}},
        }
    }
