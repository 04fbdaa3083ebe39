"""Every sentence with which something is written down as failed, found by reading the source."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src/fairway"
TEMPLATES = ("failure_templates.py", "detection_templates.py")
HOLE = "{}"
BASES = {"Failure", "Retry", "Away", "Refused", "NeedsPerson"}
OTHERS = {"Unrunnable": 0, "Undetectable": 0, "Ending": 2, "Invalid": 1}  # which argument is the sentence
TRANSLATING = {"_", "gettext", "gettext_noop", "gettext_lazy", "translate"}
AS_IT_IS = {"format", "strip", "rstrip", "lstrip", "replace"}
MOST = 40  # ways to say one thing; of more, the parts that vary count as unknown
DEEPEST = 6
DETECTION = ("fairway.drivers.builders.detection", "fairway.drivers.builders.toolchains")
FOUND = {"Finding": (0, 1), "noting": (0, 1), "remarking": (1,), "program": (2, 3)}  # which arguments are shown
FOUND_AS = {"what", "because", "framework"}  # the same by keyword
ADVISED = {"remarking": (0,), "blocked": (0,), "listening": (4,), "Candidate": (2,), "Detection": (1,), "append": (0,)}
ADVISED_AS = {"remarks", "problem", "ignored", "advice"}
ANSWERS = {"_advice", "handler_of", "missing_toolchain", "reason_for_none"}  # sentences, as a value
WRONG = {"refuse": 1, "ValueError": 0}  # which argument says what is wrong in a file
Around = tuple[ast.FunctionDef, ...]


@dataclass
class Module:
    name: str
    constants: dict[str, ast.expr] = field(default_factory=dict)
    functions: dict[str, list[ast.FunctionDef]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    classes: list[ast.ClassDef] = field(default_factory=list)
    calls: list[tuple[ast.Call, Around]] = field(default_factory=list)
    texts: list[tuple[ast.Constant | ast.JoinedStr, Around]] = field(default_factory=list)


@dataclass(frozen=True)
class Said:
    """A sentence as the code at `place` writes it; what is put in is ``{}``."""

    place: str
    text: str


@cache
def modules() -> Mapping[str, Module]:
    """Every module of the server, but the templates themselves."""
    found = {}
    for path in sorted(SOURCES.rglob("*.py")):
        room = path.relative_to(SOURCES).parts[0]
        if room not in ("cli", "migrations") and path.name not in TEMPLATES:
            name = ".".join(["fairway", *path.relative_to(SOURCES).with_suffix("").parts]).removesuffix(".__init__")
            found[name] = _read(name, ast.parse(path.read_text()))
    return found


def _read(name: str, tree: ast.Module) -> Module:
    module = Module(name)
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            module.constants[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            module.constants[node.target.id] = node.value
    _read_below(module, tree, ())
    return module


def _read_below(module: Module, node: ast.AST, around: Around) -> None:
    """Sort what stands below a node; `around` are the functions it stands in, the innermost last."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef():
                module.functions.setdefault(child.name, []).append(child)
            case ast.ClassDef():
                module.classes.append(child)
            case ast.ImportFrom(module=str(source)):
                module.imported.update({one.asname or one.name: (source, one.name) for one in child.names})
            case ast.Call():
                module.calls.append((child, around))
                if _name(child.func) in ("line", "say"):  # what a log is told stays as it is
                    continue
            case ast.Expr(value=ast.Constant()):  # documentation
                continue
            case ast.Constant(value=str()) | ast.JoinedStr():
                module.texts.append((child, around))
                continue
        _read_below(module, child, (*around, child) if isinstance(child, ast.FunctionDef) else around)


@cache
def kinds() -> frozenset[str]:
    """`Failure` and every class below it, by name."""
    found, classes = set(BASES), [one for module in modules().values() for one in module.classes]
    for _ in range(4):
        found |= {one.name for one in classes if found.intersection(_name(base) for base in one.bases)}
    return frozenset(found)


def failures() -> Iterator[Said]:
    """What failures are raised with, and what a run ends with. One that is only handed on is found where it is made."""
    answering = ("fairway.api", "fairway.web")  # what people ask for is answered at once, in their language
    for module in modules().values():
        for call, around in module.calls if not module.name.startswith(answering) else ():
            name = _name(call.func)
            at = 0 if name in kinds() else OTHERS.get(name)
            if name == "Invalid" and not module.name.startswith(("fairway.drivers.builders", "fairway.shared")):
                continue  # asked in a request, answered in its language
            if at is not None and len(call.args) > at:
                yield from _all(module, around, call.args[at])
            for word in call.keywords if name == "Invalid" else ():  # what is put in may be a sentence, too
                yield from (one for one in _all(module, around, word.value) if re.search(r"\w \w.* ", one.text))


def stored() -> Iterator[Said]:
    """What is stored as a `sentence`, or as why a run waits, by the rooms whose work workers do."""
    rooms = ("fairway.engine", "fairway.workflows", "fairway.worker", "fairway.releases.commands", "fairway.resources")
    for module in modules().values():
        if not module.name.startswith(rooms):
            continue
        for call, around in module.calls:
            if _name(call.func) in ("Blocker", "progress"):
                continue
            for word in call.keywords:
                if word.arg in ("sentence", "clean_up_error", "wait_reason", "reason", "drift"):
                    yield from _all(module, around, word.value)


def findings() -> Iterator[Said]:
    """What detection finds, and the reasons beside findings and remarks."""
    yield from _of_detection(FOUND, FOUND_AS)
    yield from _in_dictionaries()


def advice() -> Iterator[Said]:
    """What detection remarks and advises, and says of what cannot be run."""
    yield from _of_detection(ADVISED, ADVISED_AS)
    for name, module in modules().items():
        if name.startswith(DETECTION):
            for function in sorted(ANSWERS.intersection(module.functions)):
                yield from (Said(f"{name}:{function}", text) for text in _returned_by(name, function) if text)


def _of_detection(arguments: Mapping[str, tuple[int, ...]], keywords: set[str]) -> Iterator[Said]:
    """Every text of several words in calls of these functions, and in these keywords of any call."""
    for module in modules().values():
        for call, around in module.calls if module.name.startswith(DETECTION) else ():
            given = [call.args[at] for at in arguments.get(_name(call.func), ()) if len(call.args) > at]
            given += [word.value for word in call.keywords if word.arg in keywords]
            for one in given:
                for part in one.elts if isinstance(one, ast.Tuple | ast.List) else (one,):
                    yield from (said for said in _all(module, around, part) if " " in said.text.strip())


def _in_dictionaries() -> Iterator[Said]:
    """Findings that are written as they are stored: {"what": …, "because": …}."""
    for node in ast.walk(ast.parse((SOURCES / "workflows/inspect.py").read_text())):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                text = value.value if isinstance(value, ast.Constant) else ""
                if isinstance(key, ast.Constant) and key.value in ("what", "because") and " " in str(text):
                    yield Said(f"workflows.inspect:{node.lineno}", str(text))


def of_files() -> Iterator[Said]:
    """What is wrong in a file of the source, by line and key, or by what parses its values."""
    for module in modules().values():
        if module.name.startswith(("fairway.drivers.builders.detection", "fairway.shared.yaml_with_lines")):
            if isinstance(hints := module.constants.get("_HINTS"), ast.Dict):
                yield from (said for hint in hints.values for said in _all(module, (), hint))
            for call, around in module.calls:
                name = _name(call.func)
                if name in WRONG and len(call.args) > WRONG[name]:
                    for said in _all(module, around, call.args[WRONG[name]]):
                        yield Said(said.place, f"{said.text.rstrip('.')}." if name == "refuse" else said.text)


def of_docker() -> Iterator[Said]:
    """What Docker could not do, by what completes the sentence."""
    for module in modules().values():
        for call, around in module.calls if module.name.startswith("fairway.drivers") else ():
            if _name(call.func) in ("asking", "engine_failure") and call.args:
                for said in _all(module, around, call.args[0]):
                    if said.text != HOLE:
                        yield said
                        yield Said(said.place, f"Docker could not {said.text}.")


def of_the_gate() -> Iterator[Said]:
    """What the gate says: a worker that asks it stores the answer."""
    for module in modules().values():
        if not module.name.endswith((".gate", ".gate_rules", "deployments.protection", "environments.protection")):
            continue
        for call, around in module.calls:
            if _name(call.func) == "Blocker":
                yield from (
                    one for word in call.keywords if word.arg == "sentence" for one in _all(module, around, word.value)
                )


def literal(*names: str) -> Iterator[Said]:
    """Every text in these modules that reads as a whole sentence, where tables and not calls say what is raised."""
    for name, module in modules().items():
        if name.startswith(names):
            for node, around in module.texts:
                for said in _all(module, around, node):
                    if re.search(r"^[A-Z“{].* .* .*[.}]$", said.text, re.DOTALL) and not re.search(
                        r"[\\|^]|\(\?", said.text
                    ):
                        yield said


def refusals() -> Iterator[Said]:
    """What people are refused with, as far as it is not translated: of `Blocker` any text, of `Invalid` (which translates
    what `makemessages` finds in the call) one that comes from elsewhere."""
    for module in modules().values():
        for call, around in module.calls:
            place = f"{module.name}:{call.lineno}"
            if _name(call.func) == "Blocker":
                for word in call.keywords:
                    if word.arg in ("sentence", "who"):
                        yield from (Said(place, text) for text in _untranslated(around, word.value, DEEPEST))
            elif _name(call.func) == "Invalid" and len(call.args) > 1 and not isinstance(call.args[1], ast.Constant):
                yield from (Said(place, text) for text in _untranslated(around, call.args[1], DEEPEST))


def _untranslated(around: Around, node: ast.AST, deep: int) -> Iterator[str]:
    """The texts with letters in an expression that no function translates."""
    match node:
        case ast.Constant(value=str(text)) if re.search("[a-z]", re.sub(r"\{\w*\}", "", text)):
            yield text
        case ast.Name(id=name) if around and deep:
            for one in _given_in(around[-1]).get(name, ()):
                yield from _untranslated(around, one, deep - 1)
        case ast.Call(func=func, args=args):
            if _name(func) not in (*TRANSLATING, "ngettext"):
                parts = [*args, func.value] if isinstance(func, ast.Attribute) and _name(func) in AS_IT_IS else []
                for one in parts:
                    yield from _untranslated(around, one, deep)
        case ast.BinOp() | ast.BoolOp() | ast.IfExp() | ast.JoinedStr() | ast.FormattedValue():
            tested = node.test if isinstance(node, ast.IfExp) else None
            for one in ast.iter_child_nodes(node):
                if one is not tested:
                    yield from _untranslated(around, one, deep)


def literals() -> Iterator[str]:
    """Every text in the rooms below the pages, what is put in as ``{}``."""
    for module in modules().values():
        for node, _ in module.texts if not module.name.startswith("fairway.web") else ():
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(one.value) if isinstance(one, ast.Constant) else HOLE for one in node.values)
            else:
                yield _bare(str(node.value))


def _all(module: Module, around: Around, node: ast.expr) -> Iterator[Said]:
    place = f"{module.name}:{node.lineno}"
    for text in _ways(module, around, node, DEEPEST):
        if text.replace(HOLE, "").strip(" .:;“”"):
            yield Said(place, text)


def _ways(module: Module, around: Around, node: ast.expr | None, deep: int) -> list[str]:  # noqa: C901, PLR0911, PLR0912
    """Every text that the expression may be; what is not known is a hole."""
    if node is None or deep < 0:
        return [HOLE]
    match node:
        case ast.Constant(value=str(text)):
            return [_bare(text)]
        case ast.JoinedStr():
            return _joined(module, around, node, deep)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _product([_ways(module, around, left, deep), _ways(module, around, right, deep)])
        case ast.BinOp(left=left, op=ast.Mod()):
            return _ways(module, around, left, deep)
        case ast.IfExp(body=one, orelse=other):
            return [*_ways(module, around, one, deep), *_ways(module, around, other, deep)]
        case ast.BoolOp(values=values):
            return [text for one in values for text in _ways(module, around, one, deep)]
        case ast.Name(id=name):
            return _of_name(module, around, name, deep)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in module.imported:
            return _constant(".".join(module.imported[name]), attribute, deep)
        case ast.Call(func=func, args=args):
            name = _name(func)
            if name in TRANSLATING and args:
                return _ways(module, around, args[0], deep)
            if name == "ngettext":
                return [text for one in args[:2] for text in _ways(module, around, one, deep)]
            if isinstance(func, ast.Attribute) and name in AS_IT_IS:
                return [text.strip() if name == "strip" else text for text in _ways(module, around, func.value, deep)]
            return _returned(module, func, name, deep - 1)
    return [HOLE]


def _joined(module: Module, around: Around, node: ast.JoinedStr, deep: int) -> list[str]:
    parts = []
    for one in node.values:
        if isinstance(one, ast.Constant):
            parts.append([str(one.value)])
        else:
            assert isinstance(one, ast.FormattedValue)
            ways = _ways(module, around, one.value, deep - 1)
            parts.append(ways)
    return _product(parts)


def _product(parts: list[list[str]]) -> list[str]:
    parts = [list(dict.fromkeys(one)) for one in parts]
    while len(list(itertools.product(*parts))) > MOST:
        longest = max(parts, key=len)
        parts[parts.index(longest)] = [HOLE]
    return ["".join(one) for one in itertools.product(*parts)]


def _of_name(module: Module, around: Around, name: str, deep: int) -> list[str]:
    for function in reversed(around):
        if given := _given_in(function).get(name):
            return [text for one in given for text in _ways(module, around, one, deep - 1)]
        if name in [one.arg for one in (*function.args.args, *function.args.kwonlyargs)]:
            return [HOLE]
    if name in module.constants:
        return _ways(module, (), module.constants[name], deep - 1)
    if name in module.imported:
        return _constant(*module.imported[name], deep)
    return [HOLE]


@cache
def _given_in(function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    """What each name is given in a function."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.NamedExpr):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for name, value in zip(target.elts, node.value.elts, strict=False):
                        if isinstance(name, ast.Name):
                            found.setdefault(name.id, []).append(value)
    return found


def _constant(module: str, name: str, deep: int) -> list[str]:
    where = modules().get(module)
    return _ways(where, (), where.constants[name], deep - 1) if where and name in where.constants else [HOLE]


def _returned(module: Module, func: ast.expr, name: str, deep: int) -> list[str]:
    """What a function of Fairway may return, where it is one that returns texts."""
    where, called = module, name
    if deep < 0:
        return [HOLE]
    if isinstance(func, ast.Name) and name in module.imported:
        source, called = module.imported[name]
        where = modules().get(source, module)
    elif isinstance(func, ast.Attribute) and not (isinstance(func.value, ast.Name) and func.value.id in ("self", "cls")):
        source = ".".join(module.imported.get(_name(func.value), ("", "")))
        if source not in modules():
            return [HOLE]
        where = modules()[source]
    return list(_returned_by(where.name, called)) or [HOLE]


@cache
def _returned_by(module: str, name: str) -> tuple[str, ...]:
    where, found = modules()[module], []
    for function in where.functions.get(name, []):
        if function.returns is None or ast.unparse(function.returns) not in ("str", "list[str]"):
            return ()
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                found += _ways(where, (function,), node.value, DEEPEST // 2)
    return tuple(dict.fromkeys(found))


def _name(node: ast.expr) -> str:
    """What is called; of a choice (``(Retry if … else Refused)(…)``), the first."""
    if isinstance(node, ast.IfExp):
        return _name(node.body)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _bare(template: str) -> str:
    return re.sub(r"\{\w*\}|%\(\w+\)[sd]", HOLE, template)


def translated() -> Iterator[Said]:
    """What rooms without Django say by `translate`: in a worker that is English, which is then stored."""
    for module in modules().values():
        if module.name.startswith(("fairway.drivers", "fairway.resources", "fairway.workflows")):
            for call, around in module.calls:
                if _name(call.func) == "translate" and call.args:
                    yield from _all(module, around, call.args[0])
