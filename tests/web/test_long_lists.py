"""Endless lists are paged without counting them, and a part that is kept is drawn again when anything of it changes."""

from __future__ import annotations

import pytest
from django.core.paginator import EmptyPage
from django.template import Context, Template
from django.utils import translation
from django.utils.translation import gettext_lazy

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
    template = Template("{% load fairway kept %}{% kept word=word %}{{ word }}{% status 'failed' %}{% endkept %}")

    def drawn(**context: object) -> str:
        return template.render(Context(context))

    first = drawn(word="<a>")
    assert first.startswith("&lt;a&gt;")
    assert drawn(word="<a>") == first
    assert drawn(word="b").startswith("b")
    with translation.override("fr"):
        assert drawn(word="<a>") != first


def test_a_kept_part_sees_what_it_was_given_and_nothing_else_of_the_page():
    """Whose page it is, and their token, cannot get into what others are shown."""
    inside = "{% firstof person csrf_token request.user unseen 'nothing' %}"
    template = Template(
        "{% load kept %}{% with person='ada' %}{% kept word=word %}{{ word }} " + inside + "{% endkept %}{% endwith %}"
    )
    assert template.render(Context({"word": "x", "csrf_token": "secret", "unseen": "y"})) == "x nothing"


@pytest.mark.parametrize("value", [object(), {"a": object()}, [User(username="ada")], {1, 2}])
def test_only_plain_data_is_kept(value):
    with pytest.raises(TypeError, match="plain data"):
        Template("{% load kept %}{% kept word=word %}{{ word }}{% endkept %}").render(Context({"word": value}))


def test_what_is_drawn_differently_is_kept_apart():
    template = Template("{% load kept %}{% kept word=word %}{{ word }}{% endkept %}")
    values = [1, True, 1.0, "1", [1], (1, 2), {"a": 1}, {"b": 1}, {"a": 2}, None, gettext_lazy("Failed"), b"1"]
    for _ in range(2):
        assert [template.render(Context({"word": value})) for value in values] == [
            Template("{{ word }}").render(Context({"word": value})) for value in values
        ]


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(kept, "MOST", 3)
    template = Template("{% load kept %}{% kept word=word %}{{ word }}{% endkept %}")
    node = template.nodelist[1]
    for number in range(5):
        template.render(Context({"word": number}))
    assert len(node._drawn) == 3  # type: ignore[attr-defined]
