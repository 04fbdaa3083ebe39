"""The routers of the API. An operation that does not declare what it needs cannot be registered.

Authentication and role are checked before any input is read, so that strangers learn nothing from validation errors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from ninja import Router
from ninja.operation import Operation, PathView
from ninja.security.base import AuthBase

from fairway.accounts.permissions import Permission, admit, bearer_token, declared_permission
from fairway.accounts.rules import Act, Actor
from fairway.activity.queries import latest_number
from fairway.api import preconditions
from fairway.api.problems import ERRORS, ForgedRequest, problem
from fairway.api.receiving import limit_files
from fairway.shared.names import Invalid

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class PermissionAuth(AuthBase):
    """Authenticates by bearer token or, with the CSRF header, by session, and requires that the actor may do `act` to
    anything at all."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(self, act: Act) -> None:
        super().__init__()
        self.act = act
        self.asked: frozenset[str] = frozenset()  # the names of the operation's query parameters
        self.compares = False  # whether it takes If-Match

    def __call__(self, request: HttpRequest) -> Actor:
        actor = admit(request, self.act)
        if request.method in SAFE_METHODS:
            request.read_as_of = latest_number()  # type: ignore[attr-defined] # before anything else is read
        elif preconditions.NAME in request.headers and not self.compares:
            raise Invalid(preconditions.NAME, "is not supported by this operation; leave it out.")
        if bearer_token(request) is None and request.method not in SAFE_METHODS:
            limit_files(request)  # before the CSRF check, which may read a form with its files
            _check_csrf(request)
        for name in request.GET.keys() - self.asked:
            raise Invalid(name[:60], "is not a known field; remove it.")
        return actor


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check, which raises here instead of returning a page."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        raise ForgedRequest(reason)


def _no_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _check_csrf(request: HttpRequest) -> None:
    check = _CsrfCheck(_no_view)
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    check.process_request(request)
    check.process_view(request, _no_view, (), {})


class PermissionPathView(PathView):
    """One URL and its operations; it declares what each method needs."""

    @property
    def fairway_permission(self) -> dict[str, Permission]:
        return {method: _permission(operation.view_func) for operation in self.operations for method in operation.methods}

    def get_view(self) -> Callable[..., Any]:
        view = super().get_view()
        view.fairway_permission = self.fairway_permission  # type: ignore[attr-defined]
        return view

    def clone(self) -> PermissionPathView:
        copy = PermissionPathView()
        copy.is_async, copy.url_name = self.is_async, self.url_name
        copy.operations = [operation.clone() for operation in self.operations]
        return copy

    def _sync_view(self, request: HttpRequest, *args: Any, **values: Any) -> HttpResponseBase:
        operation = self._find_operation(request)
        if operation is None:
            return self._only(request)
        response = operation.run(request, *args, **values)
        number = getattr(request, "read_as_of", None)
        if number is not None and response.status_code == 200 and not response.has_header("ETag"):
            response["ETag"] = preconditions.etag(number)
        return response

    def _only(self, request: HttpRequest) -> HttpResponse:
        methods = sorted({method for operation in self.operations for method in operation.methods})
        response = problem(405, "method_not_allowed", f"{request.method} is not possible here; use {' or '.join(methods)}.")
        response["Allow"] = ", ".join(methods)
        return response


class PermissionRouter(Router):
    """A router whose operations declare what they need with `fairway.accounts.permissions.needs` or `public`."""

    def add_api_operation(self, path: str, methods: list[str], view_func: Callable[..., Any], **options: Any) -> None:
        """Register an operation. Raises TypeError at import if it does not declare a permission."""
        permission = _permission(view_func)
        operation = inspect.unwrap(view_func)
        operation.fairway_permission = permission
        self.path_operations.setdefault(path, PermissionPathView())
        auth = PermissionAuth(permission.act) if permission.act else None
        options["auth"] = auth
        options["operation_id"] = options.get("operation_id") or operation.__name__
        options["summary"] = options.get("summary") or _first_line(operation)
        options["openapi_extra"] = _documented(permission, options.get("openapi_extra"))
        super().add_api_operation(path, methods, operation, **options)
        if auth is not None:
            made = self.path_operations[path].operations[-1]
            auth.asked, auth.compares = _names(made, "query"), preconditions.NAME in _names(made, "header")


def _permission(view: Callable[..., Any]) -> Permission:
    declared = declared_permission(view)
    if not isinstance(declared, Permission):
        raise TypeError(f"{view.__module__}.{view.__qualname__} does not declare what it needs")
    return declared


def _names(operation: Operation, source: str) -> frozenset[str]:
    models = [model for model in operation.models if model.__ninja_param_source__ == source]
    return frozenset(name for model in models for name in model.__ninja_flatten_map__)


def _first_line(operation: Callable[..., Any]) -> str:
    return (inspect.getdoc(operation) or operation.__name__.replace("_", " ")).partition("\n")[0].rstrip(".")


def _documented(permission: Permission, extra: dict[str, Any] | None) -> dict[str, Any]:
    """The error responses and the permission for the OpenAPI description."""
    shown = dict(extra or {})
    responses = dict(shown.pop("responses", {}))
    codes = (400, 409, 422, 503) if permission.act is None else tuple(ERRORS)
    return {
        "x-fairway-permission": permission.act or "open",
        "responses": {**{code: ERRORS[code] for code in codes}, **responses},
        **shown,
    }
