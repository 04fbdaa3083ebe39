"""Every layer has its sentence, standing or not, and the page has it in French."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import translation

from fairway.drivers.runtimes.process.walls import Options, missing
from fairway.drivers.wall.abilities import LAYERS, SENTENCES, TCP_ONLY, Abilities
from fairway.shared.failures import Refused

NONE = Abilities()
ALL = Abilities(7, own_user=True, view="root", groups=True)


@pytest.mark.parametrize("sentence", [*SENTENCES.values(), TCP_ONLY])
def test_every_sentence_is_translated(sentence: str) -> None:
    with translation.override("fr"):
        assert translation.gettext(sentence) != sentence


@pytest.mark.parametrize("layer", LAYERS)
def test_an_environment_that_requires_a_wall_runs_nothing_without_it(layer: str) -> None:
    assert re.match(f"This environment requires the wall “{layer}”", missing(NONE, [layer]))
    assert missing(ALL, [layer]) == ""
    assert missing(NONE, []) == ""


def test_what_stands_is_told_by_what_the_kernel_can() -> None:
    assert [layer.stands for layer in NONE.layers()] == [False] * 4
    assert [layer.stands for layer in ALL.layers()] == [True] * 4
    assert not Abilities(3).stands("ports")
    assert Abilities(4).stands("ports")
    assert [one.layers()[-1].sentence == TCP_ONLY for one in (ALL, Abilities(4), NONE)] == [False, True, False]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"require": ["moat"]}, "“moat”, which is no wall"),
        ({"require": "user"}, "must be a list"),
        ({"reads": ["data"]}, "write a whole path"),
        ({"reads": ["/"]}, "write a whole path"),
        ({"read": []}, "no option “read”"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        Options.parse(options)


def test_fairways_own_data_is_never_shown(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "keys", tmp_path.parent):
        with pytest.raises(Refused, match="Fairway's own data"):
            Options.parse({"reads": [str(place)]}).refuse_to_show(tmp_path)
