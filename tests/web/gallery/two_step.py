"""Sample contexts of two-step sign-in."""

from __future__ import annotations

from typing import Any

from django import forms

from fairway.web.password_forms import CodeForm
from fairway.web.presenters.two_step import codes_shown, set_up_shown
from tests.web.gallery.forms import filled, wrong
from tests.web.gallery.samples import act, back

Data = dict[str, Any]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODES = [f"{4037 + 613 * n:04d}-{9011 - 701 * n:04d}-{1289 + 877 * n:04d}" for n in range(10)]


PASSKEYS = [
    {
        "name": name,
        "created_at": back(days=40),
        "last_used_at": used,
        "remove": act("Remove", "trash", "danger", confirm=name, consequence="It does not sign you in any more."),
    }
    for name, used in (("laptop", back(hours=3)), ("phone", None))
]
NO_STEP: Data = {"is_on": False, "has_app": False, "passkeys": []}
APP_ONLY: Data = {"has_app": True, "has_passkey": False, "why_no_passkeys": ""}


class PasswordForm(forms.Form):
    """As the page's forms, which ask for a person."""

    password = forms.CharField(label="Your password", widget=forms.PasswordInput)


class PasskeyForm(PasswordForm):
    name = forms.CharField()


class SetUpForm(CodeForm, PasswordForm):
    field_order = ("code", "password")


def _base(**more: Any) -> Data:
    return {
        "is_on": True,
        "has_app": True,
        "passkeys": PASSKEYS,
        "passkey_form": PasskeyForm(auto_id="passkey-%s"),
        "why_no_passkeys": "",
        "is_required": False,
        "uses_password": True,
        "codes_left": 10,
        "are_few": False,
        "codes": None,
        "set_up": None,
        "form": filled(SetUpForm),
        "codes_form": PasswordForm(auto_id="codes-%s"),
        "off_form": PasswordForm(auto_id="off-%s"),
        "next": "",
        **more,
    }


def with_passkey_only() -> Data:
    return _base(has_app=False, set_up=_set_up(), passkeys=PASSKEYS[:1])


def elsewhere() -> Data:
    why = "Browsers have passkeys only for https addresses and for localhost, and Fairway's address is http://fairway.lan:8000."
    return _base(passkeys=[], why_no_passkeys=why)


def set_up() -> Data:
    return _base(**NO_STEP, codes_left=0, are_few=True, set_up=_set_up())


def _set_up() -> Data:
    return set_up_shown("ada", SECRET)


def set_up_wrong() -> Data:
    return _base(**NO_STEP, codes_left=0, are_few=True, set_up=_set_up(), form=wrong(SetUpForm, code=""))


def needed() -> Data:
    return _base(**NO_STEP, is_required=True, codes_left=0, are_few=True, set_up=_set_up(), next="/releases/")


def needed_with_provider() -> Data:
    return _base(**NO_STEP, is_required=True, codes_left=0, are_few=True, uses_password=False)


def fresh_codes() -> Data:
    return _base(codes=codes_shown(CODES), next="/releases/")


def is_on() -> Data:
    return _base()


def is_required() -> Data:
    return _base(codes_left=1, are_few=True, is_required=True)


def by_provider() -> Data:
    return _base(**NO_STEP, codes_left=0, uses_password=False)


def code() -> Data:
    return {"form": filled(CodeForm), **APP_ONLY}


def code_or_passkey() -> Data:
    return {"form": filled(CodeForm), "has_app": False, "has_passkey": True, "why_no_passkeys": ""}


def code_wrong() -> Data:
    form = wrong(CodeForm, code="123456")
    form.add_error("code", "Is wrong, too old, or was used already; enter the one that your app shows now.")
    return {"form": form, **APP_ONLY}
