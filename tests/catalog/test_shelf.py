"""The entries that Fairway brings along keep what the page promises."""

from __future__ import annotations

import io
import re
import tarfile
from xml.etree.ElementTree import fromstring  # our own files

import pytest

from fairway.accounts.rules import NotVisible
from fairway.applications.rules import parse_variables
from fairway.catalog.rules import Entry
from fairway.catalog.shelf import SHELF, entries, get_entry, icon_of, packed
from fairway.drivers.builders.detection.detect import detect

PINNED = re.compile(r"[A-Za-z0-9_.\[\]-]+==[^=*]+")
each_entry = pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)


@each_entry
def test_it_installs_exact_versions_only(entry: Entry):
    lines = (SHELF / entry.id / "requirements.txt").read_text().split("\n")
    loose = [line for line in lines if line.strip() and not PINNED.fullmatch(line.strip())]
    assert not loose
    assert any(line.startswith(f"{entry.id}==") for line in lines), "it pins the application itself"
    assert f"{entry.id}=={entry.version.rpartition('-')[0]}" in lines


@each_entry
def test_fairway_knows_how_to_run_it_and_where_its_data_is(entry: Entry):
    found = detect(SHELF / entry.id)
    assert found.spec is not None, found.advice
    assert found.spec.volumes, "data outlives versions"
    assert (found.spec.install["from"], bool(found.spec.health_path)) == ("requirements.txt", True)
    for name, _target in found.spec.volumes:
        assert f"“{name}”" in entry.stores["en"]


@each_entry
def test_what_it_makes_and_asks_may_stand_in_a_configuration(entry: Entry):
    names = {*entry.variables, *entry.generate, *(question.name for question in entry.ask)}
    assert len(names) == len(entry.variables) + len(entry.generate) + len(entry.ask), "one name, one thing"
    parse_variables(dict.fromkeys(names, "x"))


@each_entry
def test_its_icon_is_a_drawing_and_nothing_else(entry: Entry):
    drawn = {element.tag.rpartition("}")[2] for element in fromstring(icon_of(entry)).iter()}
    assert drawn <= {"svg", "g", "path", "rect", "circle", "ellipse"}


@each_entry
def test_its_french_keeps_signs_with_their_words(entry: Entry):
    for words in (entry.summary, entry.stores, entry.first_steps, *(question.label for question in entry.ask)):
        assert not re.search(r" [;:!?»]|« |'", words["fr"]), words["fr"]


@each_entry
def test_the_same_entry_is_always_the_same_bytes_without_what_is_only_about_it(entry: Entry):
    first = packed(entry)
    assert first == packed(entry)
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        names = set(archive.getnames())
    assert {"fairway.yaml", "requirements.txt"} <= names
    assert not {"entry.yaml", "icon.svg"} & names


def test_an_unknown_entry_is_as_any_other_thing_that_is_not_there():
    with pytest.raises(NotVisible):
        get_entry("solitaire")
