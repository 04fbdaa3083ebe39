"""Contexts of two-step sign-in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.utils.safestring import SafeString, mark_safe

from fairway.accounts.models import User
from fairway.accounts.queries import has_two_steps, is_two_step_required, may_use_password
from fairway.accounts.two_step import GROUP, address_for_app, recovery_codes_left

FEW = 3  # recovery codes; with so few left, the page suggests new ones


def two_step_shown(user: User) -> dict[str, Any]:
    """Whether it is on, whether it must be, and how many recovery codes are left."""
    left = recovery_codes_left(user)
    return {
        "is_on": has_two_steps(user),
        "is_required": is_two_step_required(),
        "uses_password": user.has_usable_password() and may_use_password(user),
        "codes_left": left,
        "are_few": left <= FEW,
    }


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
