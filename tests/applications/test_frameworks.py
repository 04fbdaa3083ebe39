"""What is done for a framework by itself: who stays with one instance, and what Streamlit reads as its secrets."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairway.applications.frameworks import files_for, is_sticky, secrets_toml
from fairway.shared.names import VARIABLE


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"framework": "Streamlit"}, True),
        ({"framework": "Streamlit", "sticky": False}, False),
        ({"framework": "Django"}, False),
        ({"framework": "Django", "sticky": True}, True),
        ({}, False),
    ],
)
def test_what_keeps_its_visitors_in_memory_is_sticky_unless_somebody_says_otherwise(spec, wanted):
    assert is_sticky(spec) is wanted


def test_names_with_levels_are_tables_too():
    given = {"TOKEN": "t", "database__user": "me", "database__password": "s3cret", "a__b__c": "deep"}
    assert tomllib.loads(secrets_toml(given)) == given | {
        "database": {"user": "me", "password": "s3cret"},
        "a": {"b": {"c": "deep"}},
    }


@pytest.mark.parametrize("name", ["__dunder__", "trailing__", "__leading", "a____b", "plain_name"])
def test_a_name_without_a_level_on_each_side_is_itself_alone(name):
    assert tomllib.loads(secrets_toml({name: "x"})) == {name: "x"}


def test_a_value_goes_before_a_table_of_its_name():
    assert tomllib.loads(secrets_toml({"db": "flat", "db__user": "me"})) == {"db": "flat", "db__user": "me"}
    assert tomllib.loads(secrets_toml({"a__b": "x", "a__b__c": "y"}))["a"] == {"b": "x"}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(st.from_regex(VARIABLE, fullmatch=True), TEXTS))
def test_whatever_is_given_is_read_as_it_was(values):
    read = tomllib.loads(secrets_toml(values))
    assert {name: read[name] for name in values} == values


def test_only_streamlit_with_something_to_read_gets_a_file():
    assert list(files_for("Streamlit", {"A": "1"})) == [".streamlit/secrets.toml"]
    assert files_for("Streamlit", {}) == {}
    assert files_for("Django", {"A": "1"}) == {}
