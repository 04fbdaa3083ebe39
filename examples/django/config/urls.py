"""The three addresses of the Django example."""

from django.urls import path

from pages import views

urlpatterns = [
    path("", views.index),
    path("api/planets", views.planets),
    path("health", views.health),
]
