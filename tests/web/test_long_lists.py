"""Endless lists are paged without counting them, and a part that is kept is drawn again when anything of it changes."""

from __future__ import annotations

import pytest
from django.core.paginator import EmptyPage
from django.template import Context, Template
from django.utils import translation

from fairway.accounts.models import User
from fairway.web import long_lists
from fairway.web.long_lists import LongPaginator
from fairway.web.templatetags import kept


@pytest.fixture
def people(db: None) -> LongPaginator:
    User.objects.all().delete()
    User.objects.bulk_create(User(username=f"p{number:02}") for number in range(25))
    return LongPaginator(User.objects.order_by("username"), 10)


def names(page) -> list[str]:
    return [one.username for one in page]


def test_a_short_list_is_counted(people):
    last = people.get_page(99)  # none of that number: the last one
    assert (last.number, last.has_next(), last.start_index(), last.end_index()) == (3, False, 21, 25)
    assert (people.count, people.is_longer, len(names(last))) == (25, False, 5)


def test_a_long_list_is_not_counted_to_its_end_and_all_of_it_is_reached(people, monkeypatch):
    monkeypatch.setattr(long_lists, "COUNTED", 10)
    assert (people.count, people.is_longer) == (10, True)
    seen, number = [], 1
    while True:
        page = people.get_page(number)
        seen += names(page)
        if not page.has_next():
            break
        number = page.next_page_number()
    assert seen == [f"p{number:02}" for number in range(25)]
    assert (page.start_index(), page.end_index()) == (21, 25)
    with pytest.raises(EmptyPage):
        people.page(0)


def test_a_kept_part_is_drawn_anew_for_other_things_and_languages():
    template = Template("{% load fairway kept %}{% kept word %}{{ word }}{{ unseen }}{% status 'failed' %}{% endkept %}")

    def drawn(**context: object) -> str:
        return template.render(Context(context))

    first = drawn(word="<a>", unseen=1)
    assert first.startswith("&lt;a&gt;1")
    assert drawn(word="<a>", unseen=2) == first
    assert drawn(word="b", unseen=2).startswith("b2")
    with translation.override("fr"):
        assert drawn(word="<a>", unseen=3) != first


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(kept, "MOST", 3)
    template = Template("{% load kept %}{% kept word %}{{ word }}{{ count }}{% endkept %}")
    for number in range(5):
        template.render(Context({"word": number, "count": ""}))
    assert template.render(Context({"word": 4, "count": "!"})) == "4"
    assert template.render(Context({"word": 0, "count": "!"})) == "0!"
