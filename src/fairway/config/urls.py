"""The URLs of pages and API. Wiring only."""

from django.urls import URLPattern, URLResolver, include, path

from fairway.api.hooks import receive_hook
from fairway.api.main import urlpatterns as api
from fairway.web.urls import urlpatterns as web

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include((api, "api"))),
    path("hooks/<str:public_id>", receive_hook, name="hook"),
    *web,
]

handler400 = "fairway.web.errors.bad_request"
handler403 = "fairway.web.errors.forbidden"
handler404 = "fairway.web.errors.not_found"
handler500 = "fairway.web.errors.broken"
