"""What one Python file contains, read from its syntax tree: imports, calls, ports. Nothing is imported or run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import cached_property

DEFAULT_PORTS = {  # the ports on which these calls listen if they get no port
    "aiohttp.run_app": 8080,
    "bottle.run": 8080,
    "cherrypy.quickstart": 8080,
    "nicegui.run": 8080,
    "uvicorn.run": 8000,
    "waitress.serve": 8080,
}
PORT_VARIABLES = ("SERVER_PORT", "APP_PORT", "HTTP_PORT", "WEB_PORT", "API_PORT", "LISTEN_PORT", "FLASK_RUN_PORT")
_SERVING = frozenset(
    {"HTTPServer", "ThreadingHTTPServer", "TCPServer", "ThreadingTCPServer", "make_server", "start_server", "run_simple"}
    | {"listen", "WSGIServer", "TCPSite", "run_app", "serve", "run", "bind"}
)
_PORT_WORDS = frozenset({"port", "server_port", "http_port", "server.socket_port"})
_OPTIONS = frozenset({"add_argument", "option", "define", "Option"})


class Source:
    """One parsed file. What is read from its tree is kept."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = parsed(text)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of the tree."""
        return tuple(ast.walk(self.tree)) if self.tree else ()

    @cached_property
    def calls(self) -> tuple[ast.Call, ...]:
        """All calls in the file."""
        return tuple(node for node in self.nodes if isinstance(node, ast.Call))

    @cached_property
    def top(self) -> tuple[ast.stmt, ...]:
        """The statements that importing the file executes, including those inside of ``if``, ``try`` and ``with``."""
        return tuple(_executed(self.tree.body)) if self.tree else ()

    @cached_property
    def done(self) -> tuple[ast.Call, ...]:
        """The calls that importing the file makes as statements of their own."""
        return tuple(node.value for node in self.top if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))

    @cached_property
    def origins(self) -> dict[str, str]:
        """The origin of each imported name: ``web`` → ``aiohttp.web``. A star import has the key ``*package``."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {_bound(alias): alias.name if alias.asname else _bound(alias) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    name = f"*{node.module}" if alias.name == "*" else alias.asname or alias.name
                    found[name] = f"{node.module}.{alias.name}"
        return found

    @cached_property
    def imports(self) -> frozenset[str]:
        """The top-level names of all packages that the file imports, anywhere in it."""
        return frozenset(origin.partition(".")[0] for origin in self.origins.values())

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The modules without which importing the file fails, with full names (``a.b``). Relative names begin with dots."""
        found: dict[str, None] = {}
        for node in _executed(self.tree.body, certain=True) if self.tree else ():
            if isinstance(node, ast.Import):
                found |= dict.fromkeys(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                inner = base if base.endswith(".") else f"{base}."
                found |= dict.fromkeys([base, *(f"{inner}{alias.name}" for alias in node.names if alias.name != "*")])
        return tuple(found)

    @cached_property
    def is_guarded(self) -> bool:
        """Whether the file does something only when it is run as a program (``if __name__ == "__main__":``)."""
        return any(is_guard(node) for node in self.tree.body) if self.tree else False

    @cached_property
    def constants(self) -> dict[str, int]:
        """Numbers that have a name in the file (``PORT = 8888``)."""
        found: dict[str, int] = {}
        for node in self.nodes:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if isinstance(value, ast.Constant) and type(value.value) is int:
                found |= {target.id: value.value for target in targets_of(node) if isinstance(target, ast.Name)}
        return found

    def origin(self, expression: ast.expr) -> str:
        """The full name that an expression stands for (``fastapi.FastAPI``); "" for anything but dotted names."""
        parts: list[str] = []
        while isinstance(expression, ast.Attribute):
            parts.append(expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            return ""
        return ".".join([self.origins.get(expression.id, expression.id), *reversed(parts)])

    def runs(self, call: ast.Call) -> str:
        """``package.method`` for a call, by where its object or function was imported from, if that is known."""
        origin = self.origin(call.func)
        package, _, rest = origin.partition(".")
        return f"{package}.{rest.rpartition('.')[2]}" if rest else origin

    @cached_property
    def reads_port(self) -> bool:
        """Whether the file reads ``PORT`` from the environment."""
        return "PORT" in self._asked

    @cached_property
    def port_variable(self) -> str:
        """Another usual variable from which the file reads its port; "" if there is none."""
        return next((name for name in PORT_VARIABLES if name in self._asked), "")

    @cached_property
    def _asked(self) -> frozenset[str]:
        """The texts under which the file may look up a value: the first argument of a call, or a key."""
        if not any(word in self.text for word in ("environ", "getenv", "env", "config")):
            return frozenset()
        keys = [call.args[0] for call in self.calls if call.args]
        keys += [node.slice for node in self.nodes if isinstance(node, ast.Subscript)]
        return frozenset(key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))

    @cached_property
    def port_option(self) -> str:
        """The option that sets the port of the program (``--port``); "" if it has none."""
        for call in self.calls:
            if called(call) in _OPTIONS:
                words = [
                    argument.value
                    for argument in call.args
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                ]
                if "--port" in words or (called(call) == "define" and words[:1] == ["port"]):
                    return "--port"
        return ""

    @cached_property
    def fixed_port(self) -> int | None:
        """The number of the port on which the file listens: ``port=8000`` in a call, or in the address passed to a
        server."""
        for call in self.calls:
            values: list[ast.AST] = [keyword.value for keyword in call.keywords if keyword.arg in _PORT_WORDS]
            if called(call) in _SERVING:
                values += [part for value in call.args for part in _parts(value)]
            port = next((number for value in values if (number := self._number(value)) is not None), None)
            if port is not None:
                return port
        return self._configured_port() or self._default_port()

    def _configured_port(self) -> int | None:
        """The port in a configuration of CherryPy (``{"server.socket_port": 8099}``)."""
        for node in self.nodes:
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "server.socket_port":
                        return self._number(value)
        return None

    def _default_port(self) -> int | None:
        return next((DEFAULT_PORTS[name] for call in self.calls if (name := self.runs(call)) in DEFAULT_PORTS), None)

    def _number(self, value: ast.AST) -> int | None:
        number = value.value if isinstance(value, ast.Constant) else None
        if isinstance(value, ast.Name):
            number = self.constants.get(value.id)
        return number if type(number) is int and 1 <= number <= 65535 else None


def parsed(text: str) -> ast.Module | None:
    """The tree of a source text; None if it is empty or not Python."""
    if not text:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def called(call: ast.Call) -> str:
    """The last name of what is called: ``FastAPI`` for ``fastapi.FastAPI()``."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def targets_of(node: ast.AST) -> list[ast.expr]:
    """What a statement assigns to; for a tuple, its elements."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [element for target in targets for element in (target.elts if isinstance(target, ast.Tuple) else [target])]


def is_guard(node: ast.stmt) -> bool:
    """Whether a statement is ``if __name__ == "__main__":``."""
    test = node.test if isinstance(node, ast.If) else None
    return isinstance(test, ast.Compare) and any(
        isinstance(side, ast.Name) and side.id == "__name__" for side in [test.left, *test.comparators]
    )


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _parts(value: ast.expr) -> list[ast.expr]:
    return [part for element in value.elts for part in _parts(element)] if isinstance(value, ast.Tuple) else [value]


def _executed(body: list[ast.stmt], *, certain: bool = False) -> Iterator[ast.stmt]:
    """The statements that an import executes, in order, including those inside of ``if``, ``try`` and ``with``. If
    `certain`, without those that may fail (in ``try``) or are only for type checkers."""
    waiting = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if is_guard(node):
            continue
        yield node
        inside: list[ast.stmt] = []
        if isinstance(node, ast.If) and not (certain and _is_for_types(node)):
            inside = [*node.body, *node.orelse]
        elif isinstance(node, ast.Try) and not certain:
            inside = [
                *node.body,
                *(statement for handler in node.handlers for statement in handler.body),
                *node.orelse,
                *node.finalbody,
            ]
        elif isinstance(node, ast.With | ast.AsyncWith):
            inside = node.body
        waiting += reversed(inside)


def _is_for_types(node: ast.If) -> bool:
    test = node.test
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"
