"""Whom Fairway let in is signed in here: as an editor, or as the administrator if they installed it. The header comes from
Fairway's proxy; nobody outside can set it."""

import os

from django.contrib.auth.backends import RemoteUserBackend
from django.contrib.auth.middleware import PersistentRemoteUserMiddleware
from django.contrib.auth.models import Group


class SignedIn(PersistentRemoteUserMiddleware):
    header = "HTTP_X_FAIRWAY_USER"


class Colleague(RemoteUserBackend):
    def clean_username(self, username):
        return f"{username}@fairway"  # never the account of that name here

    def configure_user(self, request, user, created=True):
        if created:
            user.email = request.META.get("HTTP_X_FAIRWAY_EMAIL", "")
            user.first_name, _, user.last_name = request.META.get("HTTP_X_FAIRWAY_NAME", "").partition(" ")
            user.is_superuser = user.username == self.clean_username(os.environ.get("ADMINISTRATOR", ""))
            user.save()
            user.groups.add(Group.objects.get(name="Editors"))
        return user
