"""Names that are left out of every source, and the sentences that tell people what was left out and why."""

from __future__ import annotations

from collections import defaultdict

VERSION_CONTROL = frozenset({".git", ".hg", ".svn"})
LITTER = frozenset({"__MACOSX", ".DS_Store", "Icon\r", "Thumbs.db", "desktop.ini"})  # written by file managers
BY_VERSION_CONTROL = "that version control keeps for itself"
BY_FILE_MANAGER = "that the file manager of macOS or Windows wrote"
MADE_AGAIN = "that the build makes again"
LEAVING = "with a target outside the source"
SPECIAL = "that nobody can send: pipes, sockets or devices"
SHOWN = 3  # names in one sentence
LONGEST_SHOWN = 80  # characters of one name


def is_litter(name: str) -> bool:
    """Whether a file manager wrote a file of this name: ``.DS_Store``, or an AppleDouble file (``._photo.png``)."""
    return name in LITTER or (name.startswith("._") and len(name) > 2)


def always_out(name: str) -> str:
    """Why files and folders of this name are always left out; "" for all other names."""
    return BY_VERSION_CONTROL if name in VERSION_CONTROL else BY_FILE_MANAGER if is_litter(name) else ""


def shown_name(name: str) -> str:
    """A file's name as one line of text, at most `LONGEST_SHOWN` characters; unprintable characters are escaped."""
    signs = (sign if sign.isprintable() else _escaped(sign) for sign in name[:LONGEST_SHOWN])
    return "".join(signs) + ("…" if len(name) > LONGEST_SHOWN else "")


def _escaped(sign: str) -> str:
    number = ord(sign)
    if 0xDC80 <= number <= 0xDCFF:  # an undecodable byte, which Python keeps as a lone surrogate
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def some_of(names: list[str]) -> str:
    """The first names, and an ellipsis if there are more: ``.env, a.log, …``."""
    return ", ".join([*(shown_name(name) for name in names[:SHOWN]), *(["…"] if len(names) > SHOWN else [])])


class LeftOut:
    """Collects what is left out, grouped by reason (a relative clause: “that .gitignore names”)."""

    def __init__(self) -> None:
        self.names: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, reason: str, name: str, *, is_folder: bool = False) -> None:
        self.names[reason].append(f"{name}/" if is_folder else name)

    @property
    def sentences(self) -> list[str]:
        """One sentence per reason: ``Left out: 2 files that .gitignore names (.env, a.log).``"""
        found = ((why, sorted(names)) for why, names in sorted(self.names.items()))
        return [f"Left out: {len(names)} {_noun(why, names)} {why} ({some_of(names)})." for why, names in found]


def _noun(why: str, names: list[str]) -> str:
    if why == LEAVING:
        return "link" + ("s" if len(names) > 1 else "")
    folders = sum(name.endswith("/") for name in names)
    if folders and folders < len(names):
        return "files and folders"
    return ("folder" if folders else "file") + ("s" if len(names) > 1 else "")
