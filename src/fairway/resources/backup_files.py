"""Reading the files of backups. Whether the actor may have the data is asked before, in `commands`."""

from __future__ import annotations

from collections.abc import Iterator

from fairway.applications.secrets import seal
from fairway.drivers.resources import sealed_files
from fairway.resources.models import Backup
from fairway.resources.servers import backup_place
from fairway.shared.failures import Refused
from fairway.shared.translation import translate


def refuse_if_changed(backup: Backup) -> None:
    """Raises `Refused` if there is no file, or if its checksum is not the recorded one."""
    if not backup.file:
        raise Refused(translate("This backup has no file."))
    if sealed_files.sha256_of(backup_place(backup.file)) != backup.sha256:
        raise sealed_files.damaged(translate("its checksum is not the one that was written down"))


def clear_pieces(backup: Backup) -> Iterator[bytes]:
    """The decrypted dump, piece by piece. The whole file is verified before the first piece, so that nobody gets half of it.

    Raises `Refused`, or `NeedsPerson` if none of the keys fits.
    """
    refuse_if_changed(backup)
    pieces = sealed_files.opened(backup_place(backup.file), seal())
    first = next(pieces)  # before the response begins, while an error can still be shown

    def everything() -> Iterator[bytes]:
        yield first
        yield from pieces

    return everything()
