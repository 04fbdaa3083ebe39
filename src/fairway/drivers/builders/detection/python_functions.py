"""Functions written for somebody's cloud: run by the server that its makers give for a machine of one's own, or named.

Sources: Google's Functions Framework, AWS Chalice (``chalice local``), the pages of AWS Lambda, Azure Functions and Vercel
on their handlers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from fairway.drivers.builders.detection.python_look import Entry, Look, look_at
from fairway.drivers.builders.detection.python_modules import folder_of
from fairway.drivers.builders.detection.recipe import HOST, PORT, Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

_EVENTS = frozenset({("event", "context"), ("event", "_context"), ("event", "_"), ("_event", "_context"), ("_", "__")})


def functions_framework(look: Look, base: Recipe) -> Iterator[Entry]:
    """A function for Google's cloud, by its Functions Framework: the first that answers HTTP."""
    for file in look.entries.importing("functions_framework"):
        source = look.entries.source(file)
        name = next((one.name for one in source.top if isinstance(one, ast.FunctionDef) and _is_for_http(one)), "")
        if name:
            words = ("functions-framework", f"--source={file}", f"--target={name}", f"--host={HOST}", f"--port={PORT}")
            recipe = base.changed(framework="Functions Framework", command=look.run(file, *words))
            recipe = recipe.noting("Functions Framework", f"{name}() in {file}")
            yield Entry(look.complete(recipe, file, folder_of(file), needs=("functions-framework",)), file)
            return


def _is_for_http(function: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Attribute) and one.attr in ("http", "typed") for one in function.decorator_list)


def chalice(look: Look, base: Recipe) -> Iterator[Entry]:
    """AWS Chalice, by the server that it has for trying out: it is made for Lambda, and has no other."""
    file = "app.py"
    if "chalice" in look.entries.imports_of(file):
        words = ("chalice", "local", "--no-autoreload", "--host", HOST, "--port", PORT)
        recipe = base.changed(framework="Chalice", command=words).noting("Chalice", file)
        recipe = look.complete(recipe, file, needs=("chalice",))
        what = "Served by Chalice's own local server, which is for trying out: Chalice is made for AWS Lambda"
        yield Entry(recipe.remarking(what, file), file)


def handler_of(folder: SourceFolder) -> str:
    """Whose function a Python file of the folder is, and which file (“an AWS Lambda function (main.py)”); "" for none."""
    look = look_at(folder)
    for file in look.folder.python_files:
        source = look.entries.source(file)
        for node in source.top:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = tuple(one.arg for one in node.args.args)
                if names in _EVENTS and ("handler" in node.name or node.name == "main"):
                    return f"a function for AWS Lambda or the like ({node.name} in {file})"
            if isinstance(node, ast.ClassDef) and node.name == "handler" and file.startswith("api/"):
                return f"a function for Vercel (handler in {file})"
        if "azure" in source.imports and "azure.functions" in source.text:
            return f"a function for Azure ({file})"
    return ""


FUNCTIONS = (functions_framework, chalice)
