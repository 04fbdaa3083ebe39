"""What the template tags say, in both languages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.utils import translation

from fairway.deployments.rules import Health, Status, shown_status
from fairway.environments.rules import AVAILABLE, LOCKED
from fairway.web.templatetags import fairway as tags
from fairway.web.templatetags.vocabulary import STATUSES

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_every_status_of_the_domain_has_a_word_and_a_shape_of_its_own() -> None:
    shown = {shown_status(status, is_current=current) for status in Status for current in (True, False)}
    wanted = shown | {AVAILABLE, LOCKED} | {health for health in Health if health != Health.UNKNOWN}
    assert wanted <= set(STATUSES)
    words = [str(STATUSES[key][0]) for key in shown]
    shapes = [STATUSES[key][1] for key in shown]
    assert len(set(words)) == len(set(shapes)) == len(shown)


def test_the_tab_of_a_deployment_says_how_it_stands() -> None:
    signs = {
        status: tags.outcome_sign(shown_status(status, is_current=is_current))
        for status in Status
        for is_current in (True, False)
    }
    over = {Status.SUCCEEDED: "✓", Status.FAILED: "✗", Status.ERRORED: "✗", Status.CANCELLED: "○"}
    assert signs == {status: over.get(status, "●") for status in Status}
    icons = {sign: tags.outcome_icon(shown_status(status, is_current=True)) for status, sign in signs.items()}
    assert len(set(icons.values())) == len(icons)
    assert all(finders.find(icon) for icon in icons.values())


def test_a_status_is_told_by_colour_shape_and_word() -> None:
    html = str(tags.status("failed"))
    assert 'data-tone="bad"' in html
    assert "#s-failed" in html
    assert ">Failed<" in html
    assert '<span class="sr">Failed</span>' in str(tags.status("failed", "shape"))


def test_an_unknown_status_says_so_and_cannot_carry_markup() -> None:
    html = str(tags.status("<script>"))
    assert "Unknown" in html
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("past", "words", "french"),
    [
        (timedelta(seconds=3), "just now", "à l’instant"),
        (timedelta(minutes=6), "6 min ago", "il y a 6 min"),
        (timedelta(hours=35), "35 h ago", "il y a 35 h"),
        (timedelta(days=12), "12 d ago", "il y a 12 j"),
        (timedelta(days=-2), "in 2 d", "dans 2 j"),
    ],
)
def test_relative_times(past: timedelta, words: str, french: str) -> None:
    assert tags.ago_words(NOW - past, NOW) == words
    with translation.override("fr"):
        assert tags.ago_words(NOW - past, NOW) == french


def test_a_time_carries_the_exact_one() -> None:
    html = str(tags.ago(NOW))
    assert 'datetime="2026-03-04T12:00:00+00:00"' in html
    assert "12:00:00 UTC" in html
    assert "—" in str(tags.ago(None))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.84, "0.8 s"), (12.9, "12 s"), (125, "2 min 05 s"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h"), (-1, "0.0 s")],
)
def test_durations(seconds: float, words: str) -> None:
    assert tags.duration_words(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"), [(812, "812 B"), (1536, "1.5 KB"), (5 * 1024**3, "5.0 GB"), (2000 * 1024**4, "2000 TB")]
)
def test_sizes(size: int, words: str) -> None:
    assert tags.bytes_words(size) == words


def test_sizes_have_the_units_of_the_language() -> None:
    with translation.override("fr"):
        assert (tags.bytes_words(812), tags.bytes_words(5 * 1024**3)) == ("812 o", "5,0 Gio")


def test_a_digest_is_short_and_copies_the_whole() -> None:
    whole = "sha256:" + "0123456789abcdef" * 4
    html = str(tags.digest(whole))
    assert f'data-copy="{whole}"' in html
    assert "<code>0123456789</code>" in html


@pytest.mark.parametrize(("name", "letters"), [("Ada Lovelace", "AL"), ("ci-bot", "CB"), ("ada", "A"), ("", "?")])
def test_initials(name: str, letters: str) -> None:
    assert tags.initials(name) == letters


class _Form(forms.Form):
    port = forms.IntegerField(help_text="The port it listens on.")
    here = forms.BooleanField()


def _render(text: str, form: forms.Form) -> str:
    return Template("{% load fairway %}" + text).render(Context({"form": form}))


def test_a_field_names_its_help_and_its_errors() -> None:
    html = _render('{% field form.port _("Port") optional=True placeholder="8000" mono=True %}', _Form({"port": "x"}))
    assert 'aria-describedby="id_port_helptext id_port_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_port_error"' in html
    assert 'placeholder="8000"' in html
    assert 'class="mono"' in html
    assert "(optional)" in html


def test_a_checkbox_stands_before_its_label_and_a_missing_field_draws_nothing() -> None:
    html = _render("{% field form.here %}", _Form())
    assert html.index("<input") < html.index("<label")
    assert _render("{% field form.nowhere %}", _Form()).strip() == ""


def test_the_words_of_scripts_are_data_that_cannot_end_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tags.SCRIPT_WORDS, "copied", "</script><b>&")
    html = str(tags.script_words())
    assert html.count("</script>") == 1
    assert "\\u003C/script" in html


def test_what_somebody_wrote_stands_in_the_quotation_marks_of_the_language() -> None:
    assert tags.quoted("<b>") == "“&lt;b&gt;”"
    with translation.override("fr"):
        assert tags.quoted("Soldes {x}") == "«\N{NO-BREAK SPACE}Soldes {x}\N{NO-BREAK SPACE}»"
