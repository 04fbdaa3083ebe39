"""Names, variables and comparisons of resources."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.drivers.resources.engines import POSTGRES, REDIS
from fairway.resources import rules
from fairway.shared.names import Invalid

slugs = st.from_regex(r"[a-z](-?[a-z0-9]){0,19}", fullmatch=True)
numbers = st.integers(1, 2**40)


@given(slugs, numbers, slugs, numbers)
def test_two_applications_never_have_one_database(one, first, other, second):
    assert (rules.database_name(one, first) == rules.database_name(other, second)) == ((one, first) == (other, second))


@given(slugs, numbers, st.integers(1, 10**6))
def test_names_fit_into_postgresql(slug, number, login):
    name = rules.login_name(rules.database_name(slug, number), login)
    assert len(name.encode()) <= 63


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: "\x00" not in text))
def test_the_url_says_what_its_parts_say(password):
    where = {"host": "127.0.0.1", "port": 29001, "database": "shop_1", "user": "shop_1_u1", "password": password}
    found = rules.given_by("database", POSTGRES, **where)
    url = urlsplit(found.secrets["DATABASE_URL"])
    assert (url.hostname, url.port, url.path, url.username) == ("127.0.0.1", 29001, "/shop_1", "shop_1_u1")
    assert unquote(url.password or "") == found.secrets["DATABASE_PASSWORD"] == password
    assert found.variables == {
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_PORT": "29001",
        "DATABASE_NAME": "shop_1",
        "DATABASE_USER": "shop_1_u1",
    }


def test_another_name_begins_the_variables():
    found = rules.given_by("stock-db", POSTGRES, host="h", port=1, database="d", user="u", password="p")
    assert set(found.names) == set(rules.variable_names("stock-db", POSTGRES))
    assert "STOCK_DB_URL" in found.secrets


def test_a_password_is_in_no_repr():
    assert "hush" not in repr(
        rules.given_by("database", POSTGRES, host="h", port=1, database="d", user="u", password="hush")
    )


@pytest.mark.parametrize("kind", ["", "oracle", "Postgres", "postgres "])
def test_an_unknown_kind_is_refused_with_those_there_are(kind):
    with pytest.raises(Invalid, match="postgres") as refused:
        rules.parse_kind(kind)
    assert refused.value.field == "kind"


@pytest.mark.parametrize("alias", ["Database", "1db", "a_b", "x" * 31, "das-ist-ü"])
def test_a_bad_name_for_a_binding_is_refused(alias):
    with pytest.raises(Invalid) as refused:
        rules.parse_alias(alias, POSTGRES)
    assert refused.value.field == "alias"


@pytest.mark.parametrize(("engine", "alias", "url"), [(POSTGRES, "database", "DATABASE_URL"), (REDIS, "redis", "REDIS_URL")])
def test_without_a_name_it_has_the_usual_one(engine, alias, url):
    assert rules.parse_alias("", engine) == alias
    assert rules.variable_names(alias, engine)[-1] == url


def test_redis_has_a_number_and_a_url_of_its_own():
    found = rules.given_by("redis", REDIS, host="127.0.0.1", port=29001, database="3", user="shop_1_u1", password="a/b")
    assert found.variables == {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": "29001", "REDIS_DB": "3", "REDIS_USER": "shop_1_u1"}
    assert found.secrets == {"REDIS_PASSWORD": "a/b", "REDIS_URL": "redis://shop_1_u1:a%2Fb@127.0.0.1:29001/3"}


def test_a_restored_copy_is_compared_table_by_table():
    taken = {"public.a": 3, "public.b": 0, "public.c": 1}
    assert rules.differences(taken, dict(taken)) == []
    found = rules.differences(taken, {"public.a": 2, "public.b": 0, "public.d": 0})
    assert found == ["public.a: 3 → 2", "public.c: 1 → –", "public.d: – → 0"]
