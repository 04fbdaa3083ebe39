"""The bundles that are here: verified once, known to be untouched since, collected when nobody wants them."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from fairway.drivers.runtimes.contract import ArtifactKind, ArtifactRef, Progress
from fairway.drivers.runtimes.process.bundle import Bundle, discard, disk_failure, fingerprint, open_up, verify
from fairway.drivers.runtimes.process.places import Places, read_json, write_json
from fairway.shared.failures import Refused

NAME = re.compile(r"[0-9a-f]{64}")


class Store:
    """``<data>/bundles``."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def distribute(self, artifact: ArtifactRef, progress: Progress) -> None:
        """Bring the bundle here, if it lies elsewhere, and compute its digest anew. Raises `Refused`."""
        if artifact.kind is not ArtifactKind.BUNDLE:
            raise Refused("The process runtime runs no images; choose an environment with a docker runtime.")
        progress.check()
        place = self.places.bundle(artifact.digest)
        if not place.is_dir() and artifact.location and artifact.location.is_dir():
            self._bring(artifact.location, place)
        progress.check()
        self._verify(artifact.digest)
        progress.line(f"Bundle {artifact.digest[:19]} verified")

    def open(self, artifact: ArtifactRef) -> Bundle:
        """The bundle, certain to be what its digest says. Raises `Refused`."""
        if artifact.kind is not ArtifactKind.BUNDLE:
            raise Refused("The process runtime runs no images; choose an environment with a docker runtime.")
        if not self._is_untouched(artifact.digest):
            self._verify(artifact.digest)
        return Bundle.read(self.places.bundle(artifact.digest))

    def is_whole(self, digest: str) -> bool:
        """Whether the bundle is here with the content its digest stands for."""
        if self._is_untouched(digest):
            return True
        try:
            self._verify(digest)
        except Refused:
            return False
        return True

    def artifacts(self) -> list[ArtifactRef]:
        """Every bundle that has a readable manifest."""
        found = []
        for place in self._places():
            with suppress(Refused):
                found.append(Bundle.read(place).ref())
        return found

    def discard_except(self, keep: Collection[str], progress: Progress) -> list[str]:
        """Delete all bundles but these; returns the digests deleted. Half-deleted ones of earlier go too."""
        removed = []
        for place in self._places():
            progress.check()
            digest = f"sha256:{place.name}"
            if digest not in keep:
                discard(place)
                self.places.stamp(digest).unlink(missing_ok=True)
                removed.append(digest)
        for rest in (*self.places.bundles.glob(".*.doomed"), *self.places.bundles.glob(".incoming-*")):
            shutil.rmtree(rest, ignore_errors=True)
        return removed

    def _places(self) -> list[Path]:
        if not self.places.bundles.is_dir():
            return []
        return sorted(place for place in self.places.bundles.iterdir() if NAME.fullmatch(place.name))

    def _bring(self, source: Path, place: Path) -> None:
        draft = self.places.bundles / f".incoming-{secrets.token_hex(8)}"
        try:
            self.places.bundles.mkdir(parents=True, mode=0o700, exist_ok=True)
            shutil.copytree(source, draft, symlinks=True)
            with suppress(FileExistsError):
                draft.rename(place)
        except OSError as error:
            raise disk_failure(error, "copying the bundle") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _verify(self, digest: str) -> None:
        place = self.places.bundle(digest)
        is_here = (place / "bundle.json").exists()
        if is_here:
            open_up(place)
        before = fingerprint(place) if is_here else ""
        verify(place)
        write_json(self.places.stamp(digest), {"fingerprint": before, "is_open": True})

    def _is_untouched(self, digest: str) -> bool:
        note = read_json(self.places.stamp(digest))
        stamp = note.get("fingerprint") if note.get("is_open") else None  # one from before users of their own is made anew
        try:
            return bool(stamp) and stamp == fingerprint(self.places.bundle(digest))
        except OSError:
            return False
