"""Whom Fairway names is signed in; notebooks lie in the volume."""

import os

from jupyter_server.auth import IdentityProvider, User


class FairwayIdentity(IdentityProvider):
    """Only people whom Fairway let in get here, and its proxy says who they are; others cannot set this header."""

    auth_enabled = True

    def get_user(self, handler):
        name = handler.request.headers.get("X-Fairway-User")
        if not name:
            return None
        full = handler.request.headers.get("X-Fairway-Name") or name
        return User(username=name, name=full, display_name=full)


c = get_config()  # noqa: F821 -- Jupyter puts it here
c.ServerApp.identity_provider_class = FairwayIdentity
c.ServerApp.allow_remote_access = True
c.ServerApp.allow_root = True
c.ServerApp.root_dir = os.environ.get("VOLUME_WORK", "/work")
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.news_url = None
