"""Every door's address. Wiring only."""

from django.urls import URLPattern, URLResolver, include, path

from fairway.api.main import urlpatterns as api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include((api, "api"))),
]
