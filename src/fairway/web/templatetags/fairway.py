"""Template tags for statuses, times, digests, sizes. Each returns safe HTML without inline style or script."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from fairway.shared.hostnames import readable_hostname
from fairway.web.templatetags.vocabulary import NOT_OVER, OUTCOMES, SCRIPT_WORDS, STATUSES, UNKNOWN

register = template.Library()

HUES = 8  # the stylesheet knows .avatar[data-hue="0"] … "7"
THEMES = {"light", "dark"}
MANY = 2048  # cached results per tag; a page of 200 rows renders the same few again and again


@register.simple_tag
@lru_cache(MANY)
def icon(name: str, label: str = "") -> SafeString:
    """An icon from the sprite; decorative unless it has a `label`."""
    address = f"{static('icons/sprite.svg')}#{name}"
    if not label:
        return format_html('<svg class="icon" aria-hidden="true"><use href="{}"/></svg>', address)
    return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>', label, address)


@register.simple_tag
def status(value: object, form: str = "") -> SafeString:
    """Colour, shape and word of a state. `form`: "" inline, "pill" on a tint, "shape" with the word for readers only."""
    return _status(str(getattr(value, "value", value) or "").lower(), form, get_language())


@lru_cache(MANY)
def _status(key: str, form: str, language: str | None) -> SafeString:
    word, shape, tone = STATUSES.get(key, UNKNOWN)
    text = format_html('<span class="sr">{}</span>', word) if form == "shape" else format_html("<span>{}</span>", word)
    return format_html(
        '<span class="status{}" data-tone="{}" data-status="{}"{}>{}{}</span>',
        f" status-{form}" if form else "",
        tone,
        key or "unknown",
        format_html(' title="{}"', word) if form == "shape" else "",
        icon(f"s-{shape}"),
        text,
    )


@register.filter
def status_word(value: object) -> str:
    """The translated word alone, for titles and sentences."""
    return str(STATUSES.get(str(getattr(value, "value", value) or "").lower(), UNKNOWN)[0])


@register.filter
def outcome_sign(status: str) -> str:
    """The sign before the title of a deployment's page: ● while it runs or waits, then ✓, ✗ or ○ (cancelled)."""
    return OUTCOMES.get(status, NOT_OVER)[0]


@register.filter
def outcome_icon(status: str) -> str:
    """The favicon of a deployment's page, as a static file; it says the same as the sign."""
    return OUTCOMES.get(status, NOT_OVER)[1]


def exact_words(at: datetime) -> str:
    """A time in the format of the reader's language, with its zone."""
    return _exact_words(at, timezone.get_current_timezone_name(), get_language())


@lru_cache(MANY)
def _exact_words(at: datetime, zone: str, language: str | None) -> str:
    local = timezone.localtime(at)
    # Translators: a date as js/time.js writes it, too (Nov 29, 2026); letters as in Django's template filter “date”.
    day = date_format(local, pgettext("date", "M j, Y"))
    return f"{day}, {local:%H:%M:%S} {local.tzname() or ''}".strip()


def ago_words(at: datetime, now: datetime | None = None) -> str:
    """The time since or until `at` in one unit, in the same words as js/time.js."""
    seconds = ((now or timezone.now()) - at).total_seconds()
    minutes, hours, days = (round(abs(seconds) / unit) for unit in (60, 3600, 86400))
    if abs(seconds) < 45:
        return str(SCRIPT_WORDS["ago.now"] if seconds >= 0 else SCRIPT_WORDS["ago.soon"])
    past = "ago." if seconds >= 0 else "ago.in_"
    unit, amount = ("minutes", minutes) if minutes < 60 else ("hours", hours) if hours < 36 else ("days", days)
    return str(SCRIPT_WORDS[past + unit]).replace("%s", str(amount))


@register.simple_tag
def ago(at: datetime | None, empty: str = "—") -> SafeString:
    """A relative time that a script keeps current, with the exact time on hover (and everywhere after pressing “t”)."""
    if at is None:
        return format_html('<span class="none">{}</span>', empty)
    exact = exact_words(at)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>', at.isoformat(), exact, ago_words(at, timezone.now())
    )


@register.simple_tag
def exact(at: datetime | None, empty: str = "—") -> SafeString:
    """The exact time, which a script converts to the browser's time zone."""
    if at is None:
        return format_html('<span class="none">{}</span>', empty)
    return format_html('<time datetime="{}" data-exact>{}</time>', at.isoformat(), exact_words(at))


def duration_words(seconds: float) -> str:
    """Two units at most: “0.8 s”, “12 s”, “2 min 05 s”, “3 h 20 min”, “2 d 4 h”."""
    if seconds < 10:
        return f"{number_format(max(seconds, 0), 1)} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return _("%(days)s d %(hours)s h") % {"days": whole // 86400, "hours": whole % 86400 // 3600}


@register.simple_tag
def duration(seconds: float | timedelta | None, empty: str = "—") -> SafeString:
    """A length of time, in tabular figures."""
    if seconds is None:
        return format_html('<span class="none">{}</span>', empty)
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    return format_html('<span class="num">{}</span>', duration_words(total))


@register.simple_tag
def elapsed(since: datetime | None) -> SafeString:
    """Time since `since`, ticking every second in the browser."""
    if since is None:
        return format_html('<span class="none">{}</span>', "—")
    total = (timezone.now() - since).total_seconds()
    return format_html('<span class="num" data-elapsed="{}">{}</span>', since.isoformat(), duration_words(total))


@register.simple_tag
def digest(value: str | None, length: int = 10) -> SafeString:
    """A button with the first characters of a digest or commit, which copies the whole; its title is the whole."""
    if not value:
        return format_html('<span class="none">{}</span>', "—")
    return format_html(
        '<button type="button" class="digest" data-copy="{0}" title="{0}">'
        '<span class="sr">{1} </span><code>{2}</code>{3}</button>',
        value,
        _("Copy"),
        value.removeprefix("sha256:")[:length],
        icon("copy"),
    )


@register.simple_tag
def copyable(value: str, label: str = "") -> SafeString:
    """A small button that copies `value`."""
    return format_html(
        '<button type="button" class="button ghost small square" data-copy="{}" aria-label="{}" title="{}">{}</button>',
        value,
        label or _("Copy"),
        label or _("Copy"),
        icon("copy"),
    )


def initials(name: str) -> str:
    """One or two letters that stand for a person."""
    words = [word for word in name.replace(".", " ").replace("-", " ").replace("_", " ").split() if word]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.simple_tag
def avatar(name: str | None, form: str = "") -> SafeString:
    """Initials on a colour that depends on the name. Decorative, because the name is beside it.

    With `form` "alone" the name is its label."""
    return _avatar(str(name or ""), form)


@lru_cache(MANY)
def _avatar(name: str, form: str) -> SafeString:
    hue = sum(name.encode()) % HUES
    if form == "alone":
        return format_html(
            '<span class="avatar" data-hue="{}" role="img" aria-label="{}" title="{}">{}</span>',
            hue, name, name, initials(name),
        )  # fmt: skip
    return format_html('<span class="avatar" data-hue="{}" aria-hidden="true">{}</span>', hue, initials(name))


def bytes_words(size: float) -> str:
    """Bytes in the largest unit in which they are at least 1: “812 B”, “1.4 MB”. Units of 1024."""
    units = str(SCRIPT_WORDS["units"]).split()
    at = 0
    while size >= 1024 and at < len(units) - 1:
        size, at = size / 1024, at + 1
    return f"{number_format(size, 0 if at == 0 or size >= 100 else 1)} {units[at]}"


@register.simple_tag(name="bytes")
def bytes_tag(size: float | str | None, empty: str = "—") -> SafeString:
    """A size, in tabular figures."""
    if size is None or size == "":  # a template passes "" for missing values
        return format_html('<span class="none">{}</span>', empty)
    return format_html('<span class="num">{}</span>', bytes_words(float(size)))


@register.simple_tag(takes_context=True)
def as_of(context: template.Context) -> SafeString:
    """The newest event when this form was rendered; see `web.stale`. A refused form keeps its number until the person was
    told what changed."""
    request: Any = context.get("request")
    shell: dict[str, Any] = context.get("shell") or {}
    number = shell.get("event_id", "")
    if getattr(request, "method", "") == "POST" and not getattr(request, "told_what_changed", False):
        number = request.POST.get("as_of", number)
    return format_html('<input type="hidden" name="as_of" value="{}">', number)


@register.simple_tag(takes_context=True)
def nav_link(context: template.Context, url: str, label: str, picture: str = "", count: int | None = None) -> SafeString:
    """A link that is marked if it leads to the present page or a page above it (the home page only if it is the present
    page)."""
    path = getattr(context.get("request"), "path", "")
    is_here = path == url if url == "/" else path == url or path.startswith(f"{url.rstrip('/')}/")
    return format_html(
        '<a href="{}"{}>{}<span>{}</span>{}</a>',
        url,
        mark_safe(' aria-current="page"') if is_here else "",
        icon(picture) if picture else "",
        label,
        format_html('<span class="count">{}</span>', count) if count is not None else "",
    )


@register.simple_tag(takes_context=True)
def tab_link(context: template.Context, url: str, label: str, count: int | None = None) -> SafeString:
    """A tab: a link, current on exactly its page, or on the page that `here` in the context names.

    A refused act answers at its own address with the page that it was asked from.
    """
    is_here = (context.get("here") or getattr(context.get("request"), "path", "")) == url
    return format_html(
        '<a href="{}"{}>{}{}</a>',
        url,
        mark_safe(' aria-current="page"') if is_here else "",
        label,
        format_html(' <span class="count">{}</span>', count) if count is not None else "",
    )


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> SafeString:
    """The attribute ``data-theme`` for the chosen theme (cookie); nothing if the page follows the system."""
    chosen = getattr(context.get("request"), "COOKIES", {}).get("fairway_theme", "")
    return format_html(' data-theme="{}"', chosen) if chosen in THEMES else SafeString("")


@register.simple_tag
def script_words() -> SafeString:
    """The translated sentences for scripts, as a JSON block, which the content security policy allows."""
    data = json.dumps({key: str(text) for key, text in SCRIPT_WORDS.items()}, ensure_ascii=False)
    safe = data.replace("<", "\\u003C").replace(">", "\\u003E").replace("&", "\\u0026")
    return mark_safe(f'<script type="application/json" id="words">{safe}</script>')  # noqa: S308 — escaped above


@register.filter
def at_index(values: Any, key: Any) -> Any:
    """``values[key]``; None if it does not exist."""
    try:
        return values[key]
    except (KeyError, IndexError, TypeError):
        return None


@register.filter
def words_of(text: str) -> list[str]:
    """The words of a text, so that a template can name a fixed order."""
    return text.split()


@register.filter
def readable(text: object) -> str:
    """A host name or URL as people write it (“münchen”); links keep the ASCII form."""
    return readable_hostname(str(text or ""))


@register.filter
def milliseconds(value: float) -> str:
    """Milliseconds as a length of time."""
    return duration_words(float(value) / 1000)


@register.filter
def unlocalize_number(value: float) -> str:
    """A number for an attribute, always with a decimal point."""
    return f"{float(value):g}"


@register.inclusion_tag("parts/field.html")
def field(
    bound: BoundField | str,
    label: str = "",
    help: str = "",
    *,
    optional: bool = False,
    placeholder: str = "",
    mono: bool = False,
    first: bool = False,
) -> dict[str, Any]:
    """One field of a form: label above, help and errors below, both referenced by ``aria-describedby``.

    `first`: the field gets the focus when the page is loaded. Renders nothing for a field that the form does not have.
    """
    if not isinstance(bound, BoundField):
        return {"form": "none"}
    help_text = help or bound.help_text
    help_id = f"{bound.auto_id}_helptext"
    described = [help_id] * bool(help_text) + [_error_id(bound, number) for number in range(len(bound.errors))]
    attributes: dict[str, Any] = {"aria-describedby": " ".join(described)} if described else {}
    if first:
        attributes["autofocus"] = True
    if placeholder or "placeholder" in bound.field.widget.attrs:
        # never the form's own placeholder, which repeats the label or is not translated
        attributes["placeholder"] = placeholder
    if mono:
        attributes["class"] = "mono"
    is_box = getattr(bound.field.widget, "input_type", "") == "checkbox" and not bound.use_fieldset
    return {
        "field": bound,
        "widget": bound.as_widget(attrs=attributes),
        "label": label or bound.label,
        "help": help_text,
        "help_id": help_id,
        "optional": optional,
        "form": "box" if is_box else "group" if bound.use_fieldset else "line",
    }


def _error_id(bound: BoundField, number: int) -> str:
    return f"{bound.auto_id}_error" + (f"_{number + 1}" if number else "")


@register.filter
def quoted(text: str) -> SafeString:
    """What somebody wrote, in this language's quotation marks."""
    return format_html(_("“{text}”"), text=text)


@register.filter
def grouped(value: float) -> str:
    """A number with this language's thousands separator."""
    return number_format(value, force_grouping=True)
