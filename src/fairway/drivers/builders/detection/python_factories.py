"""Functions that make an application: ``def create_app(): …``."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from fairway.drivers.builders.detection.python_syntax import Source, called, targets_of

FACTORY = re.compile(r"(?:\w+_)?(?:app|application|api|server|factory|site|website|main|init)(?:_factory)?")


@dataclass(frozen=True)
class Factory:
    """A function that makes an application, and the arguments that it cannot do without. One that is `inner` only begins
    what another one of its file completes."""

    file: str
    name: str
    framework: str
    needs: tuple[str, ...] = ()
    is_async: bool = False
    is_inner: bool = False


def factories_in(file: str, source: Source, framework_of: Callable[[ast.Call], str]) -> list[Factory]:
    """The factories of one file; those too that only pass on what another one of the file makes."""
    found: list[Factory] = []
    for node in source.top:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not FACTORY.fullmatch(node.name):
            continue
        known = {one.name: one.framework for one in found}
        framework = _returned(node, lambda call, known=known: framework_of(call) or known.get(called(call), ""))  # type: ignore[misc]
        if framework:
            begun = {called(one) for one in ast.walk(node) if isinstance(one, ast.Call)} - {node.name}
            found = [replace(one, is_inner=one.is_inner or one.name in begun) for one in found]
            found.append(Factory(file, node.name, framework, _needed(node.args), isinstance(node, ast.AsyncFunctionDef)))
    return found


def _returned(function: ast.FunctionDef | ast.AsyncFunctionDef, framework_of: Callable[[ast.Call], str]) -> str:
    """The framework of the application that a function returns, "" when it returns none."""
    inside = tuple(ast.walk(function))
    made = {id(node): framework for node in inside if isinstance(node, ast.Call) and (framework := framework_of(node))}
    if not made:
        return ""
    names: dict[str, str] = {}
    for node in inside:
        if framework := made.get(id(getattr(node, "value", None)), ""):
            names |= {target.id: framework for target in targets_of(node) if isinstance(target, ast.Name)}
    for node in inside:
        if isinstance(node, ast.Return) and node.value is not None:
            for part in ast.walk(node.value):
                if framework := made.get(id(part), "") or (names.get(part.id, "") if isinstance(part, ast.Name) else ""):
                    return framework
    return ""


def _needed(arguments: ast.arguments) -> tuple[str, ...]:
    places = [*arguments.posonlyargs, *arguments.args]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    needed = places[: len(places) - len(arguments.defaults)]
    return (*(one.arg for one in needed), *(one.arg for one, default in named if default is None))
