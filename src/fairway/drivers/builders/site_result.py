"""Finds what a site's build wrote: the folder of its first page, and the path below which that page expects to be served."""

from __future__ import annotations

import re
from pathlib import Path

from fairway.drivers.runtimes.contract import Progress
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid, parse_relative_path
from fairway.shared.source_text import read_source

_PASSED = frozenset({"node_modules", ".git", ".cache", "coverage", "test", "tests", "themes", "layouts", "templates"})
_MOST = 20_000  # files that are searched at most
_LINKS = re.compile(r"""(?:src|href)=["']?(/[\w./~%@+-]+\.(?:m?js|css))""")
_LARGEST_PAGE = 4 * 1024 * 1024


def published(source: Path, name: str, *, is_built: bool, before: frozenset[str], progress: Progress) -> Path:
    """The folder to serve: the expected one, otherwise the one into which the build wrote a page, which is then logged.

    `before` are the pages that were there before the build. Raises `Refused` if there is no such folder.
    """
    try:
        path = source if name in ("", ".") else (source / parse_relative_path(name, field="publish")).resolve()
    except Invalid as error:
        raise Refused(str(error)) from error
    is_inside = path.is_dir() and path.is_relative_to(source.resolve())
    if not is_built:
        if not is_inside:
            raise Refused(f"There is no folder “{name}” to publish; correct the folder, or check what the build writes.")
        return path
    if is_inside and any((path / page).is_file() for page in ("index.html", "200.html")):
        return path
    written = [page for page in pages_of(source) if page not in before]
    inside = [page for page in written if is_inside and (source / page).is_relative_to(path)]
    best = min(inside or written, key=lambda page: (page.count("/"), page), default="")
    if best:
        folder = (source / best).parent
        shown = folder.relative_to(source).as_posix()
        progress.line(f"Published is {shown}/: the build wrote its page there, not into {name}/.")
        return folder
    if is_inside and any(path.iterdir()):
        progress.line(f"There is no index.html in {name}/, so “/” answers that nothing is there.")
        return path
    raise Refused(
        f"The build wrote no page: there is no “{name}/index.html”, and none in another folder. Correct the folder to "
        "publish, or check what the build writes."
    )


def pages_of(source: Path) -> frozenset[str]:
    """The paths of all ``index.html`` in folders that can hold a site's first page."""
    found, pending, seen = set(), [source], 0
    while pending and seen < _MOST:
        for entry in sorted(pending.pop().iterdir()):
            seen += 1
            if entry.is_dir() and not entry.is_symlink():
                if entry.name not in _PASSED:
                    pending.append(entry)
            elif entry.name == "index.html" and entry.is_file():
                found.add(entry.relative_to(source).as_posix())
    return frozenset(found)


def base_of(folder: Path) -> str:
    """The path below which the first page expects its own scripts and styles (``/docs``); "" for the top.

    Builds for GitHub Pages and similar hosts write such a path. It is the part of the links to remove so that they name
    files of the folder.
    """
    page = next((folder / name for name in ("index.html", "200.html") if (folder / name).is_file()), None)
    if page is None or page.stat().st_size > _LARGEST_PAGE:
        return ""
    found = {base for link in _LINKS.findall(read_source(page)) if (base := _base(folder, link)) is not None}
    return found.pop() if len(found) == 1 else ""


def _base(folder: Path, link: str) -> str | None:
    """The part of a link to remove so that the rest names a file; None if there is no such part."""
    parts = link.strip("/").split("/")
    if ".." in parts:
        return None
    for cut in range(len(parts)):
        if folder.joinpath(*parts[cut:]).is_file():
            return "/" + "/".join(parts[:cut]) if cut else ""
    return None
