"""``python benchmarks/corpus.py FOLDER…``: deploy every folder as it is, and say what became of it.

A real Fairway starts with a data directory of its own and the `process` runtime. Each folder is packed and uploaded as
``fairway deploy --path`` does it (``.gitignore`` counts), and deployed with nothing said about it; a live one is asked for
its page. Prints one line for each: what was detected, whether it is live, what its page answered, seconds, and why not.

Options: ``--json FILE`` writes the same as JSON, ``--several N`` deploys that many at a time (2), ``--seconds S`` gives up
on a deployment (900). The exit code is 0 however many are live: this measures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # run by its path, as the line above says
    sys.path.insert(0, str(ROOT))

from fairway.shared.failures import Refused  # noqa: E402
from fairway.shared.names import slug_from  # noqa: E402
from fairway.shared.packing import pack  # noqa: E402
from tests.services.installation import Installation, installed  # noqa: E402

ENVIRONMENT = "development"
BAD_PAGE = 400  # the first status that is no right page


@dataclass(frozen=True)
class Found:
    """What became of one folder. `page` is the status of its first page, 0 when it was not asked."""

    folder: str
    detected: str = ""
    live: bool = False
    page: int = 0
    seconds: float = 0.0
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_right(self) -> bool:
        return self.live and 0 < self.page < BAD_PAGE


def deploy_one(one: Installation, folder: Path, slug: str, *, seconds: float = 900.0) -> Found:
    """Deploy one folder and ask for its page."""
    name, began = folder.name, time.monotonic()
    try:
        source = _uploaded(one, folder)
    except Refused as error:
        return Found(name, reason=error.sentence)
    one.create(slug, source)
    ended = one.ended(one.deploy(slug, ENVIRONMENT), seconds)
    took = round(time.monotonic() - began, 1)
    detected = _detected(one, slug)
    notes = tuple(remark["what"] for remark in ended.get("remarks", ()))
    if ended["status"] != "live":
        return Found(name, detected, False, 0, took, ended["sentence"] or ended["status"], notes)
    page = one.visit(f"{slug}.{ENVIRONMENT}.localhost")
    why = "" if page.status < BAD_PAGE else " ".join(page.text.split())[:120]
    return Found(name, detected, True, page.status, took, why, notes)


def _uploaded(one: Installation, folder: Path) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="fairway-corpus-") as place:
        packed = pack(folder, Path(place) / "source.tar.gz").place
        stored = one.call("POST", "/uploads", raw=packed.read_bytes())
    return {"kind": "archive", "upload": stored["checksum"]}


def _detected(one: Installation, slug: str) -> str:
    versions = one.call("GET", f"/applications/{slug}/artifacts?limit=1")["items"]
    if not versions:
        return ""
    spec = versions[0]["spec"]
    return f"{spec['framework'] or spec['kind']}" + (f" in {spec['root']}" if spec["root"] != "." else "")


def deploy_all(one: Installation, folders: Sequence[Path], *, several: int, seconds: float) -> Iterable[Found]:
    """Deploy the folders, `several` at a time; each as soon as it is known."""
    names, taken = threading.Lock(), set[str]()

    def go(folder: Path) -> Found:
        with names:
            base = slug_from(folder.name)[:30] or "app"
            slug = next(name for name in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if name not in taken)
            taken.add(slug)
        try:
            return deploy_one(one, folder, slug, seconds=seconds)
        except AssertionError as error:
            return Found(folder.name, reason=str(error)[:300])

    with ThreadPoolExecutor(several) as pool:
        yield from pool.map(go, folders)


def line_of(found: Found) -> str:
    state = "right page" if found.is_right else f"page {found.page}" if found.live else "not live"
    line = f"{found.folder:32} {found.detected or '—':28} {state:12} {found.seconds:7.1f} s  {found.reason}"
    return line.rstrip()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Deploy every folder as it is, and say what became of it.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--several", type=int, default=2, metavar="N")
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
            print(line_of(found), flush=True)
            for note in found.notes:
                print(f"{'':32} note: {note}", flush=True)
    right, live = sum(one.is_right for one in results), sum(one.live for one in results)
    print(f"\n{len(results)} folders: {right} served a right page, {live - right} are live with another, "
          f"{len(results) - live} are not live.")  # fmt: skip
    if asked.json:
        asked.json.write_text(json.dumps([{**asdict(one), "is_right": one.is_right} for one in results], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
