"""Sample contexts of two-step sign-in."""

from __future__ import annotations

from typing import Any

from django import forms

from fairway.web.password_forms import CodeForm
from fairway.web.presenters.two_step import codes_shown, set_up_shown
from tests.web.gallery.forms import filled, wrong

Data = dict[str, Any]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODES = [f"{4037 + 613 * n:04d}-{9011 - 701 * n:04d}-{1289 + 877 * n:04d}" for n in range(10)]


class PasswordForm(forms.Form):
    """As the page's forms, which ask for a person."""

    password = forms.CharField(label="Your password", widget=forms.PasswordInput)


class SetUpForm(CodeForm, PasswordForm):
    field_order = ("code", "password")


def _base(**more: Any) -> Data:
    return {
        "is_on": True,
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


def set_up() -> Data:
    return _base(is_on=False, codes_left=0, are_few=True, set_up=_set_up())


def _set_up() -> Data:
    return set_up_shown("ada", SECRET)


def set_up_wrong() -> Data:
    return _base(is_on=False, codes_left=0, are_few=True, set_up=_set_up(), form=wrong(SetUpForm, code=""))


def needed() -> Data:
    return _base(is_on=False, is_required=True, codes_left=0, are_few=True, set_up=_set_up(), next="/releases/")


def needed_with_provider() -> Data:
    return _base(is_on=False, is_required=True, codes_left=0, are_few=True, uses_password=False)


def fresh_codes() -> Data:
    return _base(codes=codes_shown(CODES), next="/releases/")


def is_on() -> Data:
    return _base()


def is_required() -> Data:
    return _base(codes_left=1, are_few=True, is_required=True)


def by_provider() -> Data:
    return _base(is_on=False, codes_left=0, uses_password=False)


def code() -> Data:
    return {"form": filled(CodeForm)}


def code_wrong() -> Data:
    form = wrong(CodeForm, code="123456")
    form.add_error("code", "Is wrong, too old, or was used already; enter the one that your app shows now.")
    return {"form": form}
