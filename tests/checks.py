"""``make check`` beyond the linters: migrations, translations, links, long lines of templates. Needs no service.

``python -m tests.checks --extract`` brings the message catalogue up to date (with gettext) typesets and compiles it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polib

ROOT = Path(__file__).parent.parent
CATALOGUE = ROOT / "src/fairway/locale/fr/LC_MESSAGES/django.po"
BREAKING = re.compile(r" (?=[:;?!»])|(?<=«) ")
TEMPLATES = ROOT / "src/fairway/web/templates"
LONGEST_TEMPLATE_LINE = 200
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def main() -> int:
    if "--extract" in sys.argv:
        _extract()
        _typeset().save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
        return 0
    problems = [*missing_migrations(), *translation_problems(), *broken_links(), *long_template_lines()]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def missing_migrations() -> Iterator[str]:
    done = _manage("makemigrations", "--check", "--dry-run", "fairway")
    if done.returncode:
        yield f"Migrations are missing; run make migrations.\n{done.stdout}{done.stderr}"


def translation_problems() -> Iterator[str]:
    catalogue = polib.pofile(str(CATALOGUE))
    for entry in catalogue:
        if entry.obsolete:
            continue
        if entry.fuzzy or not (entry.msgstr or all(entry.msgstr_plural.values() or [""])):
            yield f"{CATALOGUE.name}: “{entry.msgid[:60]}” is {'fuzzy' if entry.fuzzy else 'not translated'}"
    compiled = CATALOGUE.with_suffix(".mo")
    if not compiled.exists() or compiled.read_bytes() != catalogue.to_binary():
        yield f"{compiled.name} is out of date; run make translations."
    yield from _strings_not_in(catalogue)


def _strings_not_in(catalogue: polib.POFile) -> Iterator[str]:
    """Strings in code and templates that the catalogue does not have. Needs gettext; without it, says so and goes on."""
    if shutil.which("xgettext") is None:
        print("gettext is not installed: whether every string is in the catalogue was not checked.")
        return
    before = CATALOGUE.read_bytes()
    try:
        _extract()
        found = {entry.msgid for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete}
    finally:
        CATALOGUE.write_bytes(before)
    for missing in sorted(found - {entry.msgid for entry in catalogue if not entry.obsolete}):
        yield f"“{missing[:60]}” is not in the catalogue; run make translations."


def _extract() -> None:
    done = _manage("makemessages", "--locale", "fr", "--no-obsolete", "--no-location", "--no-wrap", cwd=ROOT / "src/fairway")
    if done.returncode:
        raise SystemExit(done.stderr)


def _typeset() -> polib.POFile:
    """The catalogue with no-break spaces where French wants them: keyboards have no key for them, so nobody types them."""
    catalogue = polib.pofile(str(CATALOGUE), wrapwidth=0)
    before = str(catalogue)
    for entry in catalogue:
        entry.msgstr = BREAKING.sub("\N{NO-BREAK SPACE}", entry.msgstr)
        entry.msgstr_plural = {n: BREAKING.sub("\N{NO-BREAK SPACE}", one) for n, one in entry.msgstr_plural.items()}
    if str(catalogue) != before:
        catalogue.save()
    return catalogue


def broken_links() -> Iterator[str]:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")]:
        for target in LINK.findall(page.read_text()):
            if not (page.parent / target).exists():
                yield f"{page.relative_to(ROOT)}: the link to {target} leads nowhere."


def long_template_lines() -> Iterator[str]:
    """The formatter never breaks a tag of Django in two; who writes a long one puts part of it elsewhere."""
    for path in sorted(TEMPLATES.rglob("*.html")):
        for number, line in enumerate(path.read_text().split("\n"), 1):
            if len(line) > LONGEST_TEMPLATE_LINE:
                yield f"{path.relative_to(ROOT)}:{number}: {len(line)} characters; at most {LONGEST_TEMPLATE_LINE}."


def _manage(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as data:
        environment = {**os.environ, "FAIRWAY_DATA": data, "DJANGO_SETTINGS_MODULE": "fairway.config.settings"}
        command = [sys.executable, "-m", "django", *arguments]
        return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
