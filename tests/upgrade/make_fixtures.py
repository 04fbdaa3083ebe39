"""Makes `fixtures/NAME` by running an older Fairway: ``python -m tests.upgrade.make_fixtures NAME CHECKOUT``.

`CHECKOUT` is a checkout of that version (``git worktree add CHECKOUT COMMIT``). The older code really runs, on SQLite and on
PostgreSQL; its keys are made for this and protect nothing. What is kept of the data directory is what outlives a stop.
"""

from __future__ import annotations

import gzip
import io
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from tests.services.installation import Installation
from tests.services.postgres import PostgresServer, find_binaries

FIXTURES = Path(__file__).parent / "fixtures"
KEPT = ("bundles", "uploads", "keys", "demo")
SECRET = "s3same-open-" + "the-first-version"  # what the sealed secret of the fixture says


def main(name: str, checkout: Path) -> None:
    folder = FIXTURES / name
    folder.mkdir(parents=True, exist_ok=True)
    binaries = find_binaries()
    assert binaries is not None, "PostgreSQL is needed"
    with PostgresServer(binaries) as server:
        url = server.create_database("first")
        live_on(checkout, folder / "postgresql", FAIRWAY_DATABASE_URL=url)
        name_of_it = urlsplit(url).path.removeprefix("/")
        dump = [binaries / "pg_dump", "--no-owner", "--no-privileges", "-h", server.folder, "-U", "fairway", name_of_it]
        text = subprocess.run(dump, check=True, capture_output=True).stdout
        (folder / "postgresql.sql.gz").write_bytes(gzip.compress(text, mtime=0))
    data = live_on(checkout, folder / "sqlite")
    with closing(sqlite3.connect(data / "fairway.sqlite3")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (folder / "fairway.sqlite3.gz").write_bytes(gzip.compress((data / "fairway.sqlite3").read_bytes(), mtime=0))


def live_on(checkout: Path, kept: Path, **environ: str) -> Path:
    """Use the older Fairway for a while; what is left of its data directory goes to ``<kept>.tar.gz``."""
    import tempfile

    data = Path(tempfile.mkdtemp(prefix="fairway-older-")) / "data"
    one = Installation(data, {"PYTHONPATH": str(checkout / "src"), "FAIRWAY_WATCH_SECONDS": "1", **environ})
    try:
        use(one.start())
    finally:
        one.stop()
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=9) as archive:
            for part in KEPT:
                archive.add(data / part, part)
        Path(f"{kept}.tar.gz").write_bytes(buffer.getvalue())
    return data


def use(one: Installation) -> None:
    """Two versions of a site, a configuration with a secret, a failed deployment, a rollback, a lock, a person."""
    site = one.data.parent / "site"
    site.mkdir()
    versions = []
    for number in (1, 2):
        (site / "index.html").write_text(f"<title>Site</title><p>Version {number}</p>")
        source = one.upload(site)
        versions.append(source)
        if number == 1:
            one.create("site", source)
            place = "/applications/site/environments/staging/configuration"
            one.call("PUT", place, {"variables": {"GREETING": "hello"}, "secrets": {"PASSWORD": SECRET}})
        else:
            one.call("PATCH", "/applications/site", {"source": source})
        one.live(one.deploy("site", reason=f"version {number}"))
    (site / "index.html").unlink()
    (site / "app.py").write_text("raise SystemExit(3)\n")
    (site / "Procfile").write_text("web: python app.py\n")
    one.create("broken", one.upload(site))
    failed = one.ended(one.deploy("broken", "development"))
    assert failed["status"] == "failed", failed
    one.call("POST", "/people", {"username": "vera", "email": "vera@example.com", "roles": ["viewer"]})
    one.call("POST", "/environments/production/lock", {"reason": "Closed for the fixture"})
    assert one.visit("site.staging.localhost").text.endswith("Version 2</p>")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).absolute())
