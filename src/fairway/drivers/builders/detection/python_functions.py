"""Functions written for a cloud: run with the server that their maker offers for other machines, or only recognized.

Sources: Google's Functions Framework, AWS Chalice (``chalice local``), and the documentation of AWS Lambda, Azure Functions
and Vercel on handlers.
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
    """A function for Google's cloud, run by the Functions Framework: the first one that answers HTTP."""
    for file in look.entries.importing("functions_framework"):
        source = look.entries.source(file)
        name = next((node.name for node in source.top if isinstance(node, ast.FunctionDef) and _is_for_http(node)), "")
        if name:
            words = ("functions-framework", f"--source={file}", f"--target={name}", f"--host={HOST}", f"--port={PORT}")
            recipe = base.changed(framework="Functions Framework", command=look.run(file, *words))
            recipe = recipe.noting("Functions Framework", f"{name}() in {file}")
            yield Entry(look.complete(recipe, file, folder_of(file), needs=("functions-framework",)), file)
            return


def _is_for_http(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(decorator, ast.Attribute) and decorator.attr in ("http", "typed") for decorator in function.decorator_list
    )


def chalice(look: Look, base: Recipe) -> Iterator[Entry]:
    """AWS Chalice, with its server for local trials: it is made for Lambda and has no other."""
    file = "app.py"
    if "chalice" in look.entries.imports_of(file):
        words = ("chalice", "local", "--no-autoreload", "--host", HOST, "--port", PORT)
        recipe = base.changed(framework="Chalice", command=words).noting("Chalice", file)
        recipe = look.complete(recipe, file, needs=("chalice",))
        what = "Served by Chalice's own local server, which is for trying out: Chalice is made for AWS Lambda"
        yield Entry(recipe.remarking(what, file), file)


def handler_of(folder: SourceFolder) -> str:
    """The cloud whose function a Python file of the folder is, with the file (“a function for Azure (main.py)”); "" if
    there is none."""
    look = look_at(folder)
    for file in look.folder.python_files:
        source = look.entries.source(file)
        for node in source.top:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = tuple(argument.arg for argument in node.args.args)
                if names in _EVENTS and ("handler" in node.name or node.name == "main"):
                    return f"a function for AWS Lambda or the like ({node.name} in {file})"
            if isinstance(node, ast.ClassDef) and node.name == "handler" and file.startswith("api/"):
                return f"a function for Vercel (handler in {file})"
        if "azure" in source.imports and "azure.functions" in source.text:
            return f"a function for Azure ({file})"
    return ""


FUNCTIONS = (functions_framework, chalice)
