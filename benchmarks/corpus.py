"""``python benchmarks/corpus.py FOLDER…``: deploy every folder as it is, and say what became of it.

A real Fairway starts with a data directory of its own and the `process` runtime. Each folder is packed and uploaded as
``fairway deploy --path`` does it (``.gitignore`` counts), and deployed with nothing said about it; a live one is asked for
its page, and stopped. Prints a line for each as soon as it is known: what was detected, whether it is live, what its page
answered, seconds, and why not.

Options: ``--json FILE`` writes the same as JSON, ``--several N`` deploys that many at a time (2), ``--seconds S`` gives up
on a deployment (900), ``--logs FOLDER`` keeps the log of each deployment. The exit code is 0 however many are live: this
measures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # run by its path, as the line above says
    sys.path.insert(0, str(ROOT))

from fairway.shared.failures import Refused  # noqa: E402
from fairway.shared.names import slug_from  # noqa: E402
from fairway.shared.packing import pack  # noqa: E402
from tests.services.installation import Answer, Installation, installed  # noqa: E402
from tests.services.waiting import eventually  # noqa: E402

ENVIRONMENT = "development"
BAD_PAGE = 400  # the first status that is no right page
MOVED = (301, 302, 303, 307, 308)
REDIRECTS = 4
LONGEST = 20_000  # characters of a page that are kept


@dataclass(frozen=True)
class Found:
    """What became of one folder. `page` is the status of its first page, 0 when it was not asked, and `text` how it begins.

    `how` is the start command and `reason` why it is not live, or what a wrong page says.
    """

    folder: str
    detected: str = ""
    how: str = ""
    live: bool = False
    page: int = 0
    text: str = ""
    seconds: float = 0.0
    reason: str = ""
    notes: tuple[str, ...] = ()
    log: str = ""

    @property
    def is_right(self) -> bool:
        return self.live and 0 < self.page < BAD_PAGE


def deploy_one(one: Installation, folder: Path, slug: str, *, path: str = "/", seconds: float = 900.0) -> Found:
    """Deploy one folder, ask for its page at `path`, and stop it again. What goes wrong is said, never raised."""
    name, began = folder.name, time.monotonic()
    try:
        source = _uploaded(one, folder)
    except Refused as error:
        return Found(name, reason=error.sentence)
    try:
        one.create(slug, source)
        number = one.deploy(slug, ENVIRONMENT)
        ended = one.ended(number, seconds)
    except AssertionError as error:
        return Found(name, seconds=_since(began), reason=str(error)[:300])
    found = Found(
        name,
        seconds=_since(began),
        reason=ended["sentence"] or ended["status"],
        notes=tuple(f"{remark['what']} ({remark['because']})" for remark in ended["remarks"]),
        log=one.log_of(number),
    )
    if ended["status"] != "live":
        return replace(found, **_looked_at(one, source))
    page = _visited(one, slug, path)
    one.call("POST", f"/applications/{slug}/environments/{ENVIRONMENT}/placement/stopping", {})
    why = "" if page.status < BAD_PAGE else " ".join(page.text.split())[:120]
    return replace(found, **_built(one, slug), live=True, page=page.status, text=page.text[:LONGEST], reason=why)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)


def _uploaded(one: Installation, folder: Path) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="fairway-corpus-") as place:
        packed = pack(folder, Path(place) / "source.tar.gz").path
        stored = one.call("POST", "/uploads", raw=packed.read_bytes())
    return {"kind": "archive", "upload": stored["checksum"]}


def _visited(one: Installation, slug: str, path: str) -> Answer:
    """The page that a visitor ends at, which a first page may send to another one of the application."""
    host = f"{slug}.{ENVIRONMENT}.localhost"
    page = one.visit(host, path)
    for _ in range(REDIRECTS):
        target = urlsplit(urljoin(f"http://{host}{path}", page.headers.get("location", "")))
        if page.status not in MOVED or target.hostname != host:
            break
        path = target.path + (f"?{target.query}" if target.query else "")
        page = one.visit(host, path)
    return page


def _built(one: Installation, slug: str) -> dict[str, str]:
    return _named(one.call("GET", f"/applications/{slug}/artifacts?limit=1")["items"][0]["spec"])


def _looked_at(one: Installation, source: dict[str, str]) -> dict[str, str]:
    """What the page says of a source that did not become an artifact."""
    number = one.call("POST", "/inspections", {"source": source})["id"]
    seen = eventually(lambda: _over(one.call("GET", f"/inspections/{number}")), "the source was looked at")
    candidates = [*seen["candidates"], {"spec": {}}]
    first = next((candidate for candidate in candidates if not candidate.get("problem")), candidates[0])
    return _named(first["spec"])


def _over(inspection: dict[str, Any]) -> dict[str, Any] | None:
    return inspection if inspection["status"] in ("done", "failed") else None


def _named(spec: dict[str, Any]) -> dict[str, str]:
    root = spec.get("root", ".")
    what = str(spec.get("framework") or spec.get("kind") or "")
    return {"detected": what + (f" in {root}" if root != "." else ""), "how": " ".join(spec.get("command") or ())}


def deploy_all(one: Installation, folders: Sequence[Path], *, several: int, seconds: float) -> Iterator[Found]:
    """Deploy the folders, `several` at a time; each as soon as it is known."""
    taken: set[str] = set()
    with ThreadPoolExecutor(several) as pool:
        waiting = []
        for folder in folders:
            base = slug_from(folder.name)[:30] or "app"
            slug = next(name for name in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if name not in taken)
            taken.add(slug)
            waiting.append(pool.submit(deploy_one, one, folder, slug, seconds=seconds))
        yield from (done.result() for done in as_completed(waiting))


def line_of(found: Found) -> str:
    state = "right page" if found.is_right else f"page {found.page}" if found.live else "not live"
    line = f"{found.folder:32} {found.detected or '—':28} {state:12} {found.seconds:7.1f} s  {found.reason}"
    return line.rstrip()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Deploy every folder as it is, and say what became of it.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--several", type=int, default=2, metavar="N")
    parser.add_argument("--logs", type=Path, metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=900.0, metavar="S")
    asked = parser.parse_args(arguments)
    missing = [str(folder) for folder in asked.folders if not folder.is_dir()]
    if missing:
        parser.error(f"no such folder: {', '.join(missing)}")
    results = []
    with tempfile.TemporaryDirectory(prefix="fairway-corpus-") as place, installed(Path(place) / "data") as one:
        folders = [folder.resolve() for folder in asked.folders]
        for found in deploy_all(one, folders, several=asked.several, seconds=asked.seconds):
            results.append(found)
            _tell(found, asked.logs)
    right, live = sum(one.is_right for one in results), sum(one.live for one in results)
    print(f"\n{len(results)} folders: {right} served a right page, {live - right} are live with another, "
          f"{len(results) - live} are not live.")  # fmt: skip
    if asked.json:
        kept = [{**asdict(one), "is_right": one.is_right} for one in results]
        asked.json.write_text(
            json.dumps([{k: v for k, v in one.items() if k not in ("log", "text")} for one in kept], indent=1)
        )
    return 0


def _tell(found: Found, logs: Path | None) -> None:
    print(line_of(found), flush=True)
    for note in found.notes:
        print(f"{'':32} note: {note}", flush=True)
    if logs:
        logs.mkdir(parents=True, exist_ok=True)
        (logs / f"{found.folder}.log").write_text(found.log)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
