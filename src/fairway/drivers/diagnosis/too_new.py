"""Recognizes code that is older than the packages it uses, and names the version that it needs. Pure.

Each pattern was taken from what the packages really raise; their change logs name the releases that changed it.
"""

from __future__ import annotations

import re

from fairway.drivers.diagnosis.rules import Rule, rule

_WHERE = "requirements.txt (or the dependencies in pyproject.toml)"
_IMPORT = r"cannot import name '(?:{names})' from '{module}'"
# Printed error → the requirement that avoids it.
_TOO_NEW: tuple[tuple[str, str], ...] = (
    (_IMPORT.format(names=r"url_\w+|Href", module=r"werkzeug\.urls"), "werkzeug<3"),
    (_IMPORT.format(names=r"safe_str_cmp", module=r"werkzeug\.security"), "werkzeug<2.1"),
    (_IMPORT.format(names=r"secure_filename|FileStorage|cached_property|BaseResponse", module=r"werkzeug"), "werkzeug<1"),
    (_IMPORT.format(names=r"escape|Markup|contextfilter|environmentfilter", module=r"jinja2\S*"), "jinja2<3.1"),
    (_IMPORT.format(names=r"soft_unicode", module=r"markupsafe"), "markupsafe<2.1"),
    (_IMPORT.format(names=r"json", module=r"itsdangerous"), "itsdangerous<2.1"),
    (_IMPORT.format(names=r"_request_ctx_stack|_app_ctx_stack|Markup|escape", module=r"flask"), "flask<2.3"),
    (_IMPORT.format(names=r"JSONEncoder|JSONDecoder", module=r"flask\.json"), "flask<2.3"),
    (r"'Flask' object has no attribute 'before_first_request'", "flask<2.3"),
    (_IMPORT.format(names=r"ugettext\w*|ugettext_lazy|force_text|smart_text|url", module=r"django\.\S*"), "django<4"),
    (r"module 'numpy' has no attribute '(?:bool|int|float|object|str|typeDict)'", "numpy<1.24"),
    (r"numpy\.dtype size changed|compiled using NumPy 1\.x cannot be run|was removed in the NumPy 2\.0", "numpy<2"),
    (r"_ARRAY_API not found|numpy\.core\.multiarray failed to import", "numpy<2"),
    (r"'DataFrame' object has no attribute '(?:append|iteritems)'", "pandas<2"),
    (r"Descriptors cannot (?:not )?be created directly", "protobuf<4"),
    (r"No module named 'altair\.vegalite\.v4'", "altair<5"),
    (r"`BaseSettings` has been moved to the `pydantic-settings` package", "pydantic<2"),
    (r"`regex` is removed\. use `pattern` instead|A non-annotated attribute was detected", "pydantic<2"),
    (r"openai\.\w+, but this is no longer supported in openai>=1\.0", "openai<1"),
    (r"__init__\(\) got an unexpected keyword argument 'proxies'", "httpx<0.28"),
    (_IMPORT.format(names=r"cached_download", module=r"huggingface_hub\S*"), "huggingface-hub<0.26"),
    (_IMPORT.format(names=r"HfFolder", module=r"huggingface_hub\S*"), "huggingface-hub<1"),
    (r"module 'sqlalchemy' has no attribute '__all__'|'Engine' object has no attribute 'execute'", "sqlalchemy<2"),
    (r"app\.run_server has been replaced by app\.run", "dash<3"),
    (r"Updater\.__init__\(\) got an unexpected keyword argument 'use_context'", "python-telegram-bot<20"),
    (r"Client\.__init__\(\) missing 1 required keyword-only argument: 'intents'", "discord.py<2"),
    (r"module 'gradio' has no attribute '(?:inputs|outputs)'", "gradio<4"),
)  # fmt: skip
# The last version of Python that had a module → the modules.
_GONE = {
    "3.11": "asyncore|asynchat|imp|smtpd",
    "3.12": "cgi|cgitb|crypt|imghdr|sndhdr|audioop|telnetlib|pipes|nntplib|uu|xdrlib|chunk|aifc|mailcap|nis|spwd|sunau",
}


def _pin(requirement: str) -> str:
    package = re.split(r"[<=]", requirement)[0]
    return f"The {package} that was installed is too new for the code here: write “{requirement}” into {_WHERE}."


TOO_NEW: tuple[Rule, ...] = (
    *(rule(pattern, _pin(requirement)) for pattern, requirement in _TOO_NEW),
    *(
        rule(
            rf"^ModuleNotFoundError: No module named '(?P<name>{names})'",
            f"Python had the module “{{name}}” until {last} only: write {last} into .python-version, or raise the version "
            "of the package that needs it.",
        )
        for last, names in _GONE.items()
    ),
    rule(
        r"cannot import name '(?P<name>\w+)' from 'collections'|module 'collections' has no attribute '(?P<its>[A-Z]\w+)'",
        "A package here was made for Python 3.9 or older (it looks for what “collections” had then): raise its version in "
        f"{_WHERE}, or write 3.9 into .python-version.",
    ),
)
