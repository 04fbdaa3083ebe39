"""Why a build failed, in one sentence: found by a table of rules, else the error that one of its tools printed. Pure.

If a build prints several errors, the first counts, unlike for a running program: compilers and bundlers continue after an
error, and their later errors mostly follow from it. For a Python traceback, the exception at its end counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fairway.drivers.diagnosis.printed import plain, raised_in
from fairway.drivers.diagnosis.reasons import LONGEST
from fairway.drivers.diagnosis.rules import Rule, rule

_RULES: tuple[Rule, ...] = (
    rule(
        r"Failed to fetch `?(?P<name>[\w ]+?)`? from Google Fonts",
        "The build fetches the font “{name}” from Google Fonts, which this machine cannot reach: put the font into the "
        "source (next/font/local), or let the machine reach fonts.googleapis.com.",
    ),
    rule(
        r"pg_config executable not found|libpq-fe\.h: No such file",
        "psycopg2 is compiled here and misses PostgreSQL's headers: list “psycopg2-binary” instead, or install libpq-dev.",
    ),
    rule(
        r"mysql_config: (?:command )?not found|Can not find valid pkg-config name|mysql\.h: No such file",
        "mysqlclient is compiled here and misses MySQL's headers: install default-libmysqlclient-dev, or list “pymysql” "
        "instead.",
    ),
    rule(
        r"fatal error: (?P<name>[\w./+-]+\.h\w*): No such file",
        "A package is compiled here and misses the C header “{name}”: install the package that has it (…-dev), or list a "
        "version of the package that comes compiled (a wheel).",
    ),
    rule(
        r"^sh: (?:\d+: )?(?:line \d+: )?(?P<name>[\w@./-]+): (?:command )?not found$",
        "The program “{name}” was not found: add the package that has it to the dependencies, or change the build command.",
    ),
    rule(
        r"JavaScript heap out of memory",
        "Node ran out of memory: let the build do less at once, or build an image elsewhere and deploy that.",
    ),
    rule(
        r"npm (?:error|ERR!) Missing script: \"(?P<name>[^\"]+)\"",
        "package.json has no script “{name}”: add it, or change the build command in the application's settings.",
    ),
    rule(
        r"npm (?:error|ERR!) 404\s+'(?P<name>[^']+)' is not in this registry",
        "The package “{name}” is in no registry that is asked: check its name and version in package.json.",
    ),
    rule(
        r"npm (?:error|ERR!) notarget No matching version found for (?P<name>\S+?)\.?$",
        "There is no version {name} in the registry: correct it in package.json.",
    ),
    rule(
        r"npm (?:error|ERR!) (?:code )?ERESOLVE",
        "Packages disagree about the versions they need beside them (npm's ERESOLVE): correct package.json, or put "
        "“legacy-peer-deps=true” into a file .npmrc.",
    ),
    rule(
        r"^tsc: The TypeScript Compiler - Version",
        "tsc only printed its help: it found neither a tsconfig.json nor a file to compile. Add tsconfig.json.",
    ),
    rule(
        r"`npm ci` can only install packages when your package\.json and package-lock\.json",
        "package-lock.json does not fit package.json: run “npm install” and commit the lock file.",
    ),
    rule(
        r"ERR_PNPM_OUTDATED_LOCKFILE|lockfile needs to be updated|would have been modified by this install",
        "The lock file does not fit package.json: run the package manager's install and commit the lock file.",
    ),
)
_ERROR = re.compile(
    r"""^\s*(?:
      (?:[\w@./\\()\[\]-]+[:(]\d[\d:,]*\)?:?\s+(?:-\s+)?)?      # file and line
      (?:\[[\w@:/ .-]+\]\s*)?                                   # [vite]:
      (?:(?:fatal|build|type|syntax)\ )?
      (?:error|[A-Z]\w*Error)(?:\[\w+\]|\ TS\d+|\ during\ build)?(?::|\s-)\s*(?P<said>.*)
    | (?:✘|✖|×|⨯)\s+(?:\[ERROR\]\s*)?(?P<marked>.+)
    | \[ERROR\]\s+(?P<maven>(?!->|Re-run|To\ see|For\ more|\[Help).+)
    | npm\ (?:error|ERR!)\ (?!code\b|errno\b|path\b|command\b|syscall\b|workspace\b|A\ complete\ log|Lifecycle)
      (?P<npm>\S.*\s.*)
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
_SUMMARY = re.compile(
    r"command failed|failed with \d+ error|exited with code|^failed$|lifecycle|build failed|aborting due", re.I
)
_NOISE = re.compile(r"npm (?:error|ERR!|notice|warn)\b|> |\s*at \S|[\W\d]*$")
_ARROW = re.compile(r"^(?:[\s│╰├─▶>|]|\[(?:ERROR|FATAL)\])+")


def build_reason(lines: Sequence[str]) -> str:
    """Why the build that printed these lines failed, or else its last line of output; "" if neither helps."""
    shown = [plain(line) for line in lines]
    for each in _RULES:
        for line in shown:
            if sentence := each.sentence(line):
                return sentence
    if any("Traceback (most recent call last)" in line for line in shown) and (raised := raised_in(shown)):
        error = raised[-1].line
    else:
        error = next(_errors(shown), "")
    if error and len(error) <= LONGEST:
        return f"Its error: {error.rstrip('.')}."
    last = next((line.strip() for line in reversed(shown) if line.strip() and not _NOISE.match(line)), "")
    return f"It last printed “{last.rstrip('.')}”." if last and len(last) <= LONGEST else ""


def _errors(lines: Sequence[str]) -> Iterator[str]:
    """The message of each error. If a message is empty or ends with a colon, the text follows in the next lines."""
    for number, line in enumerate(lines):
        found = _ERROR.match(line)
        if not found:
            continue
        words = found["said"] if found["said"] is not None else found["marked"] or found["maven"] or found["npm"]
        if not words or words.endswith(":"):
            following = (_ARROW.sub("", text).strip() for text in lines[number + 1 : number + 6])
            words = f"{words or ''} {next((text for text in following if text), '')}".strip()
        words = _ARROW.sub("", words)
        if words and not _SUMMARY.search(words):
            yield _whole(line, words, found)


def _whole(line: str, words: str, found: re.Match[str]) -> str:
    """The error with its file and line, if it names them."""
    where = re.match(r"\s*([\w@./\\-]+[:(]\d[\d:,]*\)?)", line)
    return f"{where[1].rstrip(':')}: {words}" if where and found["said"] is not None else words
