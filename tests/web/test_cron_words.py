"""A cron schedule in words, in both languages."""

from __future__ import annotations

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from fairway.environments.cron import parse_cron
from fairway.web.cron_words import cron_words

WORDS = {
    "* * * * *": ("every minute", "chaque minute"),
    "*/5 * * * *": ("every 5 minutes", "toutes les 5 minutes"),
    "@hourly": ("every hour", "chaque heure"),
    "30 * * * *": ("every hour at minute 30", "chaque heure à la minute 30"),
    "0,20 * * * *": ("every hour at minutes 0 and 20", "chaque heure aux minutes 0 et 20"),
    "30 2 * * *": ("every day at 02:30", "chaque jour à 02:30"),
    "0 8,12,18 * * *": ("every day at 08:00, 12:00 and 18:00", "chaque jour à 08:00, 12:00 et 18:00"),
    "0 7 * * MON-FRI": ("from Monday to Friday at 07:00", "du lundi au vendredi à 07:00"),
    "0 7 * * 0": ("every Sunday at 07:00", "chaque dimanche à 07:00"),
    "0 7 * * MON,THU": ("every Monday and Thursday at 07:00", "chaque lundi et jeudi à 07:00"),
    "@monthly": ("on day 1 of each month at 00:00", "le 1 de chaque mois à 00:00"),
    "0 0 1,15 * *": ("on days 1 and 15 of each month at 00:00", "les 1 et 15 de chaque mois à 00:00"),
    "@yearly": ("on day 1 of January at 00:00", "le 1 janvier à 00:00"),
    "0 6 * 7,8 *": ("every day in July and August at 06:00", "chaque jour en juillet et août à 06:00"),
    "0 6 * 1 SUN": ("every Sunday in January at 06:00", "chaque dimanche en janvier à 06:00"),
    "0 0 13 * FRI": (
        "on day 13 of each month, and every Friday at 00:00",
        "le 13 de chaque mois, et chaque vendredi à 00:00",
    ),
    "*/15 8-17 * * *": ("every 15 minutes from 08:00 to 17:45", "toutes les 15 minutes de 08:00 à 17:45"),
    "*/15 8-17 * * 1-5": (
        "every 15 minutes from 08:00 to 17:45, from Monday to Friday",
        "toutes les 15 minutes de 08:00 à 17:45, du lundi au vendredi",
    ),
    "10 */2 * * *": ("every 2 hours from 00:10", "toutes les 2 heures à partir de 00:10"),
    "1,2 0-9 * * *": (
        "at minutes 01 and 02 of the hours 0, 1, 2, 3, 4, 5, 6, 7, 8 and 9",
        "aux minutes 01 et 02 des heures 0, 1, 2, 3, 4, 5, 6, 7, 8 et 9",
    ),
    "0 0 */10 * MON": (
        "on days 1, 11, 21 and 31 of each month, if it is a Monday at 00:00",
        "les 1, 11, 21 et 31 de chaque mois, si c’est un lundi à 00:00",
    ),
}


@pytest.mark.parametrize(("schedule", "english", "french"), [(one, *words) for one, words in WORDS.items()])
def test_a_schedule_is_said_in_both_languages(schedule: str, english: str, french: str) -> None:
    with translation.override("en"):
        assert cron_words(parse_cron(schedule)) == english
    with translation.override("fr"):
        assert cron_words(parse_cron(schedule)) == french


def field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    runs = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.integers(1, most).map(lambda step: f"*/{step}")
    return st.one_of(st.just("*"), number.map(str), runs, steps, st.lists(number, min_size=1, max_size=4).map(_list))


def _list(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


@given(st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)).map(" ".join))
def test_every_schedule_has_words(schedule: str) -> None:
    words = cron_words(parse_cron(schedule))
    assert words
    assert "%(" not in words
    assert "None" not in words
