"""Why a program failed, in one sentence with what to do, found by a table of rules over its output. Pure.

A rule is in the table only if it is certain. If none matches, the exception's own line is repeated. Values taken from the
output are whole words, so that whoever stores or shows the sentence can still mask secrets by value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fairway.drivers.diagnosis.modules import package_of
from fairway.drivers.diagnosis.printed import Raised, in_streams, raised_in
from fairway.drivers.diagnosis.rules import Rule, Says, rule
from fairway.drivers.diagnosis.too_new import TOO_NEW
from fairway.drivers.runtimes.contract import OutputLine

LONGEST = 300  # characters; of a longer exception line only the kind is repeated
OURS = "[fairway] "  # the beginning of a line that Fairway adds to a program's output
LINES = 400  # of the output that are searched
WHERE = "set it on the configuration page of this environment and deploy again"
_REQUIREMENTS = "requirements.txt (or the dependencies in pyproject.toml)"


def reason(lines: Iterable[OutputLine]) -> str:
    """Why the program that printed these lines failed; "" if they do not say. The last exception counts, or one that it
    followed from. A single line counts only if there is no exception, because it may be about an earlier moment."""
    streams = in_streams(lines)
    raised = [exception for stream in streams for exception in raised_in(stream)]
    if not raised:
        return _of_lines(streams)
    exception: Raised | None = raised[-1]
    while exception is not None:
        if sentence := _of_exception(exception):
            return sentence
        exception = exception.cause
    return _own_line(raised[-1])


def printed_last(lines: Iterable[OutputLine]) -> str:
    """The last line of output, for a failure without a known reason. Stderr counts before other output."""
    for stream in reversed(in_streams(lines)):
        for line in reversed(stream):
            if line.strip() and not line.startswith(OURS):
                return f"It last printed “{line.strip().rstrip('.')}”." if len(line) <= LONGEST else ""
    return "It printed nothing."


def _of_exception(exception: Raised) -> str:
    frames = "\n".join(exception.frames)
    return next((sentence for each in EXCEPTIONS if (sentence := each.sentence(exception.text, frames))), "")


def _of_lines(streams: Sequence[Sequence[str]]) -> str:
    for stream in reversed(streams):
        for line in reversed(stream):
            for each in LINES_SAYING:
                if sentence := each.sentence(line):
                    return sentence
    return ""


def _own_line(exception: Raised) -> str:
    text = exception.line if len(exception.line) <= LONGEST else exception.kind
    return f"Its last error: {text.rstrip('.:')}."


# -- the sentences


def _missing_module(found: re.Match[str]) -> str:
    module = found["module"]
    package = package_of(module)
    return f"The Python module “{module}” is missing: add “{package}” to {_REQUIREMENTS} and deploy again."


def _missing_named_module(found: re.Match[str]) -> str:
    module = found["module"]
    return (
        f"The Python module “{module}”, which the start command or a setting names, was not found: check that name, or add "
        f"“{package_of(module)}” to {_REQUIREMENTS}."
    )


_NO_LIBRARY = r"(?P<name>lib[\w.+-]+\.so[.\d]*): cannot open shared object file"


def _missing_library(found: re.Match[str]) -> str:
    name = found["name"]
    instead = " (“opencv-python-headless” instead of “opencv-python” needs none)" if name.startswith("libGL.") else ""
    return (
        f"The system library {name} is missing where the application runs: install the package that brings it, in the image "
        f"or on the machine, or take a package that does without it{instead}."
    )


def _missing_node(found: re.Match[str]) -> str:
    name = found["name"]
    if name.startswith((".", "/", "file:")):
        return (
            f"Node found no file “{name}”: check the start command and the path that is required, with its case of letters."
        )
    parts = name.split("/")
    package = "/".join(parts[:2]) if name.startswith("@") else parts[0]
    return f"The Node package “{package}” is missing: add it to the dependencies in package.json and deploy again."


def _variable(name: str) -> str:
    return f"The variable {name} is missing: {WHERE}."


def _unset(found: re.Match[str]) -> str:
    return _variable(found["name"])


_ASKED_FOR = r"secrets(?:\[[\"']|\.get\([\"']|\.)(?P<name>\w+)(?:[\"']\]\[[\"'](?P<inner>\w+))?"


def _no_secret(found: re.Match[str]) -> str:
    inner = found.groupdict().get("inner")
    name = f"{found['name']}__{inner}" if inner else found["name"]
    return (
        f"The page asks for the secret “{name}”, which is missing: set {name} on the configuration page of this environment."
    )


def _pydantic(found: re.Match[str]) -> str:
    fields = re.findall(r"^(\w+)\n\s+Field required", found[0], re.MULTILINE)
    if not fields:
        return ""
    names = ", ".join(f"“{field}”" for field in fields)
    variables = ", ".join(field.upper() for field in fields)
    if len(fields) == 1:
        return (
            f"The setting {names} is missing: set it on the configuration page of this environment and deploy again (the "
            f"variable is called {variables}, unless the application says otherwise)."
        )
    return (
        f"The settings {names} are missing: set them on the configuration page of this environment and deploy again (the "
        f"variables are called {variables}, unless the application says otherwise)."
    )


def _refused(found: re.Match[str]) -> str:
    groups = found.groupdict()
    where = groups["host"] + (f":{groups['port']}" if groups.get("port") else "")
    return (
        f"Nothing answers at {where}, to which the application connects: check the address in its configuration, and that "
        "the database or service runs there and can be reached from here."
    )


def _unknown_host(found: re.Match[str]) -> str:
    return (
        f"The host name “{found['host']}”, to which the application connects, is not known here: check the address in its "
        "configuration."
    )


def _in_use(found: re.Match[str]) -> str:
    port = found.groupdict().get("port")
    which = f"Port {port}" if port else "The port it wants"
    return f"{which} is in use already: let the application listen on the port that the variable PORT names, and only once."


def _host_refused(found: re.Match[str]) -> str:
    return f"The application does not answer to the host name “{found['host']}”: add “{found['host']}” to ALLOWED_HOSTS."


def _not_found(found: re.Match[str]) -> str:
    name = found["name"]
    if name.endswith(("\\r", "^M", "\r")):
        return _CRLF
    return (
        f"The command “{name}” was not found: add what brings it to the application's dependencies or its image, or change "
        "the start command."
    )


_CRLF = (
    "A script has Windows line ends (CRLF), so that its first line names an interpreter that does not exist: save it with "
    "LF, and put “* text=auto eol=lf” into .gitattributes."
)


def _init(found: re.Match[str]) -> str:
    """The error that the init process of a container prints if it cannot execute the command."""
    return _not_executed(found["name"], found["why"].lower())


def _because(why: str) -> Says:
    return lambda found: _not_executed(found["name"], why)


def _not_executed(name: str, why: str) -> str:
    if name.endswith("\r"):
        return _CRLF
    if "permission" in why:
        return (
            f"“{name}” is not marked executable, or is a folder: run “chmod +x” on it (in Git: git update-index --chmod=+x) "
            "and build again."
        )
    if "format" in why:
        return (
            f"“{name}” cannot be executed: it was built for another kind of processor, or is a script without a “#!” line. "
            "Build it for the processor of the host, or begin it with “#!/bin/sh”."
        )
    return (
        f"“{name}” cannot be executed: it is not there, or the interpreter in its first line is not (also because of "
        "Windows line ends, CRLF). Check the start command, and save scripts with LF."
    )


_ENVIRON = r"os\.environ|in __getitem__|os\.getenv|environb?\["
_DYNAMIC = r"importlib/__init__\.py\", line \d+, in import_module(?:\n(?!\s+File \"(?!<frozen)).*)*\Z"
_NAME = r"[A-Za-z_][\w.]*"
_HOST = r"[\w.:\[\]-]+?"

EXCEPTIONS: tuple[Rule, ...] = (
    rule(_NO_LIBRARY, _missing_library),
    *TOO_NEW,
    rule(rf"^ModuleNotFoundError: No module named '(?P<module>{_NAME})'", _missing_named_module, _DYNAMIC),
    rule(rf"^ModuleNotFoundError: No module named '(?P<module>{_NAME})'", _missing_module),
    rule(
        r"ImproperlyConfigured: Error loading (?P<what>psycopg2 or psycopg|psycopg2|psycopg) module",
        lambda _: f"The package for PostgreSQL is missing: add “psycopg[binary]” to {_REQUIREMENTS} and deploy again.",
    ),
    rule(
        r"ImproperlyConfigured: Error loading MySQLdb module",
        lambda _: f"The package for MySQL is missing: add “mysqlclient” to {_REQUIREMENTS} and deploy again.",
    ),
    rule(r"Cannot find (?:module|package) '(?P<name>[^']+)'", _missing_node),
    rule(r"^KeyError: [\"']Config '(?P<name>\w+)' is missing", _unset),
    rule(r"^KeyError: '(?P<name>[A-Z][A-Z0-9_]*)'", _unset, _ENVIRON),
    rule(r"StreamlitSecretNotFoundError: No secrets found", _no_secret, _ASKED_FOR),
    rule(r"st\.secrets has no (?:key|attribute) \"(?P<name>\w+)\"", _no_secret),
    rule(r"UndefinedValueError: (?P<name>\w+) not found", _unset),
    rule(r"ImproperlyConfigured: Set the (?P<name>\w+) environment variable", _unset),
    rule(r"EnvError: Environment variable \"(?P<name>\w+)\" not set", _unset),
    rule(r"key not found: \"(?P<name>[A-Z][A-Z0-9_]*)\" \(KeyError\)", _unset),
    rule(r"(?s)ValidationError: \d+ validation errors? for \w+\n.*", _pydantic),
    rule(r"Environment variable not found: (?P<name>\w+)", _unset),
    rule(r"DisallowedHost: Invalid HTTP_HOST header: '(?P<host>[^':]+)(?::\d+)?'", _host_refused),
    rule(r"could not translate host name \"(?P<host>[^\"]+)\"", _unknown_host),
    rule(r"failed to resolve host '(?P<host>[^']+)'", _unknown_host),
    rule(r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?P<host>[\w.-]+)", _unknown_host),
    rule(r"Unknown (?:MySQL )?server host '(?P<host>[^']+)'", _unknown_host),
    rule(r"Error -[23] connecting to (?P<host>[\w.-]+):\d+\.", _unknown_host),
    rule(
        r"connection to server at \"(?P<host>[^\"]+)\"(?: \([^)]*\))?, port (?P<port>\d+) failed: Connection refused",
        _refused,
    ),
    rule(
        r"connection to server on socket \"(?P<socket>[^\"]+)\" failed",
        "PostgreSQL does not run beside the application (it looked for the socket {socket}): set the host of the database "
        "in its configuration.",
    ),
    rule(r"Can't connect to (?:MySQL )?server on '(?P<host>[^':]+)(?::(?P<port>\d+))?'", _refused),
    rule(
        r"Can't connect to local (?:MySQL )?server through socket '(?P<socket>[^']+)'",
        "MySQL does not run beside the application (it looked for the socket {socket}): set the host of the database in its "
        "configuration.",
    ),
    rule(rf"Error 111 connecting to (?P<host>{_HOST}):(?P<port>\d+)\.", _refused),
    rule(r"Connect call failed \('(?P<host>[^']+)', (?P<port>\d+)", _refused),
    rule(rf"connect ECONNREFUSED (?P<host>{_HOST}):(?P<port>\d+)(?:\s|$)", _refused),
    rule(rf"dial tcp (?P<host>{_HOST}):(?P<port>\d+): connect: connection refused", _refused),
    rule(
        r"password authentication failed for user \"(?P<user>[^\"]+)\"",
        "The database refused the password of the user “{user}”: correct it on the configuration page and deploy again.",
    ),
    rule(
        r"Access denied for user '(?P<user>[^']+)'",
        "The database refused the user “{user}”: correct user and password on the configuration page and deploy again.",
    ),
    rule(
        r"database \"(?P<name>[^\"]+)\" does not exist",
        "The database “{name}” does not exist on its server: create it, or correct its name in the configuration.",
    ),
    rule(r"listen EADDRINUSE: address already in use .*?(?P<port>\d+)(?:\s|$)", _in_use),
    rule(r"bind on address \('[^']*', (?P<port>\d+)[^)]*\): (?:\[errno 98\] )?address already in use", _in_use),
    rule(r"OSError: \[Errno 98\] Address already in use", _in_use),
)

LINES_SAYING: tuple[Rule, ...] = (
    rule(_NO_LIBRARY, _missing_library),
    rule(r"Invalid HTTP_HOST header: '(?P<host>[^':]+)(?::\d+)?'\. You may need to add", _host_refused),
    rule(r"\[FATAL tini \(\d+\)\] exec (?P<name>.+) failed: (?P<why>.+)", _init),
    rule(r"(?:^|: )/\S+(?:\^M|\r|\\r): bad interpreter", _CRLF),
    rule(r"(?:^|: )(?P<name>\S+): cannot execute: required file not found", _because("no such file")),
    rule(r"sh: (?:\d+: )?(?:line \d+: )?(?P<name>\S*/\S*): Permission denied", _because("permission denied")),
    rule(r"python\S*: can't open file '(?P<name>[^']+)'",
          "The start command runs the file {name}, which does not exist: correct the start command."),
    rule(r"sh: \d+: cannot open (?P<name>[^\s:]+): No such file",
          "The start command runs the script {name}, which does not exist: add it, or correct the start command."),
    rule(r"env: [‘'\"](?P<name>[^’'\"]+)[’'\"]: No such file or directory", _not_found),
    rule(r"^(?:/bin/)?(?:ba|da|a)?sh: (?:\d+: )?(?:line \d+: )?(?P<name>[^\s:]+): (?:command )?not found", _not_found),
    rule(r": line \d+: (?P<name>[^\s:]+): command not found", _not_found),
    rule(r"(?:line )?\d+: (?P<name>[A-Za-z_]\w*): (?:unbound variable|parameter not set)", _unset),
    rule(r"Error loading ASGI app\. Could not import module \"(?P<name>[^\"]+)\"",
          "The start command names the module “{name}”, which was not found: check it against the names of the files."),
    rule(r"Error loading ASGI app\. Attribute \"(?P<name>[^\"]+)\" not found in module \"(?P<module>[^\"]+)\"",
          "The start command names “{name}” in the module “{module}”, where there is none: correct the start command."),
    rule(r"^Application object must be callable\.",
          "What the start command names is no application: gunicorn needs a function or an object that can be called."),
    rule(r"Failed to find attribute '(?P<name>[^']+)' in '(?P<module>[^']+)'",
          "The start command names “{name}” in the module “{module}”, where there is none: correct the start command."),
    rule(r"The `uri` parameter to `openUri\(\)` must be a string, got \"undefined\"",
          f"The address of MongoDB is missing: the variable that mongoose.connect() reads is not set; {WHERE}."),
    rule(r"Environment variable not found: (?P<name>\w+)", _unset),
    rule(r"required variable (?P<name>\w+) is missing a value", _unset),
    rule(r"to bind on address \('[^']*', (?P<port>\d+)[^)]*\): (?:\[errno 98\] )?address already in use", _in_use),
    rule(r"Connection in use: \('[^']*', (?P<port>\d+)\)", _in_use),
    rule(r"^Port (?P<port>\d+) is in use by another program", _in_use),
    rule(r"listen tcp \S*:(?P<port>\d+): bind: address already in use", _in_use),
    rule(r"bind\(\) to \S*?:?(?P<port>\d+) failed \(98: ", _in_use),
    rule(rf"dial tcp (?P<host>{_HOST}):(?P<port>\d+): connect: connection refused", _refused),
    rule(r"key not found: \"(?P<name>[A-Z][A-Z0-9_]*)\" \(KeyError\)", _unset),
    rule(r"npm error Missing script: \"(?P<name>[^\"]+)\"",
          "package.json has no script “{name}”, which the start command runs: add it, or change the start command."),
)  # fmt: skip
