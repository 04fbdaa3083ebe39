"""Contexts of two-step sign-in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from allauth.mfa.models import Authenticator
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from fairway.accounts.models import User
from fairway.accounts.passkeys import passkeys_of
from fairway.accounts.queries import has_two_steps, is_two_step_required, may_use_password
from fairway.accounts.two_step import GROUP, address_for_app, has_app, recovery_codes_left
from fairway.web.presenters.acts import Button

FEW = 3  # recovery codes; with so few left, the page suggests new ones


def two_step_shown(user: User) -> dict[str, Any]:
    """Whether it is on, whether it must be, and how many recovery codes are left."""
    left = recovery_codes_left(user)
    return {
        "is_on": has_two_steps(user),
        "has_app": has_app(user),
        "passkeys": [_passkey(row) for row in passkeys_of(user)],
        "is_required": is_two_step_required(),
        "uses_password": user.has_usable_password() and may_use_password(user),
        "codes_left": left,
        "are_few": left <= FEW,
    }


def _passkey(row: Authenticator) -> dict[str, Any]:
    remove = Button(
        _("Remove"),
        reverse("passkey-removal", args=[row.pk]),
        "trash",
        "danger",
        confirm=row.data["name"],
        consequence=_("It does not sign you in any more. Delete it on your device, too."),
    )
    return {"name": row.data["name"], "created_at": row.created_at, "last_used_at": row.last_used_at, "remove": remove}


def set_up_shown(username: str, secret: str) -> dict[str, Any]:
    """The secret for an authenticator app: as a QR code, as a link for an app on this device, and to be typed."""
    address = address_for_app(username, secret)
    groups = (secret[start : start + GROUP] for start in range(0, len(secret), GROUP))
    return {"qr": _qr(address), "address": address, "secret": secret, "key": " ".join(groups)}


def codes_shown(codes: list[str]) -> dict[str, Any]:
    """Recovery codes: one by one, as text to copy, and as the address of a file."""
    text = "\n".join(codes)
    return {"rows": codes, "text": text, "file": f"data:text/plain;charset=utf-8,{quote(text)}%0A"}


def _qr(text: str) -> SafeString:
    """A QR code as SVG, black on white in either theme. It holds no scripts and no styles."""
    import qrcode
    from qrcode.image.svg import SvgPathFillImage

    drawn = qrcode.make(text, image_factory=SvgPathFillImage, box_size=8, border=4).to_string(encoding="unicode")
    return mark_safe(str(drawn))  # noqa: S308 -- made of squares by qrcode
