"""The section “What they may do” of a person's page and of the profile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from fairway.accounts.rules import Act
from fairway.insights.right_words import acts_in_words, grant_in_words, rows_of_acts
from fairway.insights.rights import Cell, Rights
from fairway.web.words import EXTENT_WORDS, ROLE_LABELS


def rights_shown(rights: Rights) -> dict[str, Any]:
    """The context of ``parts/rights.html``."""
    acting_as = rights.actor.acting_as
    tables = [{"columns": [_("Everywhere")], "groups": _groups(rights, in_environments=False)}]
    if rights.environments:
        columns = [one.name for one in rights.environments]
        tables.insert(0, {"columns": columns, "groups": _groups(rights, in_environments=True)})
    return {
        "is_active": rights.is_active,
        "must_set_up_two_steps": rights.must_set_up_two_steps,
        "acting_as": ROLE_LABELS[acting_as] if acting_as else "",
        "tables": tables,
    }


def _groups(rights: Rights, *, in_environments: bool) -> list[dict[str, Any]]:
    return [
        {"title": title, "rows": [_row(rights, acts) for acts in rows]}
        for title, rows in rows_of_acts(in_environments=in_environments)
    ]


def _row(rights: Rights, acts: tuple[Act, ...]) -> dict[str, Any]:
    cells = rights.cells(acts[0])  # the others of the row are decided alike
    return {"label": acts_in_words(acts), "cells": [_cell(cell, rights) for cell in cells], "why": _why(cells, rights)}


def _cell(cell: Cell, rights: Rights) -> dict[str, Any]:
    applications = [rights.applications.get(slug, slug) for slug in cell.right.applications]
    return {
        "column": cell.environment.name if cell.environment else _("Everywhere"),
        "extent": cell.right.extent.value,
        "words": EXTENT_WORDS[cell.right.extent],
        "applications": applications,
    }


def _why(cells: Iterable[Cell], rights: Rights) -> list[dict[str, Any]]:
    """The reasons, each once, after the environments for which it counts."""
    found: dict[tuple[str, ...], list[str]] = {}
    for cell in cells:
        said = [*(grant_in_words(grant, rights) for grant in cell.right.by), cell.refusal, cell.rule]
        places = found.setdefault(tuple(filter(None, said)), [])
        places.append(cell.environment.name if cell.environment else _("Everywhere"))
    return [{"reasons": reasons, "places": places} for reasons, places in found.items()]
