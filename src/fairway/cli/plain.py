"""Takes plain options as they are. Typer would ask Pydantic about each of them, even about one that was not given, and
importing Pydantic takes as long as all the rest of ``fairway status``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

PLAIN = (str, int, float)


def spare_pydantic() -> None:
    """Let Typer ask its converters only about what must be converted.

    The attributes are Typer's own; a version that lacks them works as ever.
    """
    from typer import core

    kind: Any = getattr(core, "_TyperParameter", None)
    usual = getattr(kind, "get_runtime_param", None)
    if usual is not None and not hasattr(usual, "usual"):

        def get(parameter: Any) -> _Plain:
            return _Plain(parameter.type_descriptor, lambda: usual(parameter))

        get.usual = usual  # type: ignore[attr-defined]  # tests run the program more than once per process
        kind.get_runtime_param = get


@dataclass(frozen=True)
class _Plain:
    """Stands in for the converter of a parameter, and gets that only where it is needed."""

    described: Any
    usual: Callable[[], Any]

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        kind, info = self.described.annotation, self.described.parameter_info
        if info.parser is None:
            if param.multiple or param.nargs == -1:
                if value is None:
                    return ()
                if get_args(kind) == (str,) and isinstance(value, list | tuple) and all(type(one) is str for one in value):
                    return list(value)
            elif value is None or (kind in PLAIN and type(value) is kind):  # what is a number already is a default
                return value
            elif kind is Path:
                from typer._param_types import coerce_cli_path  # it asks, say, whether the file exists

                return coerce_cli_path(Path(value), info, path_type=Path, param=param, ctx=ctx)
        return self.usual().coerce(value, param=param, ctx=ctx)
