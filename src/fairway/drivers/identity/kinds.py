"""Which providers there are. Apart, so that tables can name them without loading what speaks to them."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """How a sign-in provider is spoken to. Each is a module beside this one."""

    OPENID = "openid"
    GITHUB = "github"


class Ci(StrEnum):
    """Whose CI jobs they are."""

    GITHUB = "github"
    GITLAB = "gitlab"
