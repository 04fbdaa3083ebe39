"""Finds functions that make an application: ``def create_app(): …``."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from fairway.drivers.builders.detection.python_syntax import Source, called, targets_of

FACTORY = re.compile(r"(?:\w+_)?(?:app|application|api|server|factory|site|website|main|init)(?:_factory)?")


@dataclass(frozen=True)
class Factory:
    """A function that makes an application, and the arguments that it needs. One that `is_inner` is called by another
    factory of its file, which completes the application."""

    file: str
    name: str
    framework: str
    needs: tuple[str, ...] = ()
    is_async: bool = False
    is_inner: bool = False


def factories_in(file: str, source: Source, framework_of: Callable[[ast.Call], str]) -> list[Factory]:
    """The factories of one file, including those that return what another factory of the file makes."""
    found: list[Factory] = []
    for node in source.top:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not FACTORY.fullmatch(node.name):
            continue
        known = {factory.name: factory.framework for factory in found}
        framework = _returned(node, lambda call, known=known: framework_of(call) or known.get(called(call), ""))  # type: ignore[misc]
        if framework:
            begun = {called(call) for call in ast.walk(node) if isinstance(call, ast.Call)} - {node.name}
            found = [replace(factory, is_inner=factory.is_inner or factory.name in begun) for factory in found]
            found.append(Factory(file, node.name, framework, _needed(node.args), isinstance(node, ast.AsyncFunctionDef)))
    return found


def _returned(function: ast.FunctionDef | ast.AsyncFunctionDef, framework_of: Callable[[ast.Call], str]) -> str:
    """The framework of the application that a function returns; "" if it returns none."""
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
    positional = [*arguments.posonlyargs, *arguments.args]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    needed = positional[: len(positional) - len(arguments.defaults)]
    return (*(argument.arg for argument in needed), *(argument.arg for argument, default in named if default is None))
