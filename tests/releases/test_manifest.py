"""A release written down: the whole file, and pasted lists."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.releases.manifest import parse_pasted, parse_release
from fairway.shared.names import Invalid

WHOLE = """
release: Autumn
version: "2026.11"
description: New checkout
manager: grace
targets: [staging, production]
packages:
  catalog-db: registry.example.com/shop/db:16.2
  catalog-api:
    source: https://git.example.com/shop/api.git#v1.4
    stage: ready
    needs: [catalog-db]
"""


def test_a_whole_release_is_read() -> None:
    one = parse_release(WHOLE)
    assert (one.name, one.version, one.manager, one.deputy, one.targets) == (
        "Autumn",
        "2026.11",
        "grace",
        None,
        ("staging", "production"),
    )
    db, api = one.packages
    assert (db.name, db.source, db.stage, db.needs, db.line) == (
        "catalog-db",
        "registry.example.com/shop/db:16.2",
        "registered",
        (),
        8,
    )
    assert (api.stage, api.needs) == ("ready", ("catalog-db",))


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("release: Autumn", "name: Autumn"), 2, "is not supported"),
        (("needs: [catalog-db]", "needs: catalog-db"), 12, "must be a list"),
        (("stage: ready", "stage: done"), 10, "registered, testing, ready"),
        (("stage: ready", "status: ready"), 11, "give it as “stage”"),
        (("source: https://git.example.com/shop/api.git#v1.4", "source: ''"), 10, "source is empty"),
        (("needs: [catalog-db]", "needs: [catalog-api]"), 10, "catalog-api → catalog-api"),
        (("  catalog-api:", "  catalog-db:"), 9, "written twice"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(change: tuple[str, str], line: int, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_release(WHOLE.replace(*change))
    assert words in str(caught.value)
    assert f"line {line}" in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(Invalid, match="more than 5000 values"):
        parse_release("\n".join(lines))
    with pytest.raises(Invalid, match="larger than"):
        parse_release("x" * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        "name,version,needs,status\ndb,registry.example.com/db:1,,ready\napi,registry.example.com/api:2,db,testing",
        "db,registry.example.com/db:1,,ready\n\napi,registry.example.com/api:2,db,testing\n",
        "db\tregistry.example.com/db:1\t\tready\napi\tregistry.example.com/api:2\tdb\ttesting",
        "name;stage;version;needs\ndb;Ready;registry.example.com/db:1\napi;testing;registry.example.com/api:2;db",
        "\ufeffname,version,needs,stage\r\ndb,registry.example.com/db:1,,ready\r\napi,registry.example.com/api:2,db,testing\r\n",
        "db: {source: 'registry.example.com/db:1', stage: ready}\n"
        "api: {source: 'registry.example.com/api:2', stage: testing, needs: [db]}",
        "packages:\n  db: {source: 'registry.example.com/db:1', stage: ready}\n"
        "  api:\n    source: registry.example.com/api:2\n    stage: testing\n    needs: [db]",
    ],
)
def test_a_pasted_list_means_the_same_however_it_is_written(text: str) -> None:
    found = [(one.name, one.source, one.stage, one.needs) for one in parse_pasted(text)]
    assert found == [
        ("db", "registry.example.com/db:1", "ready", ()),
        ("api", "registry.example.com/api:2", "testing", ("db",)),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("name,version", "is empty"),
        ("name,version,colour\ndb,registry.example.com/db:1,red", "line 1: there is no column “colour”"),
        ("db,registry.example.com/db:1\napi,", "line 2: source is empty"),
        ("db,registry.example.com/db:1,,great", "line 1: stage"),
        ("db,registry.example.com/db:1\ndb,registry.example.com/db:2", "line 2: “db” is written twice"),
        ("a,registry.example.com/a:1,b\nb,registry.example.com/b:1,a", "line 2: closes a cycle: b → a → b"),
        ('db,"registry', "line 1"),
        ("\n".join(f"p{n},registry.example.com/p:{n}" for n in range(201)), "at most 200"),
    ],
)
def test_a_pasted_list_that_is_wrong_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        parse_pasted(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_pasted, parse_release):
        with suppress(Invalid):
            parse(text)
