"""Why a program failed, from what it really printed: the sentence names what is wrong and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairway.drivers.diagnosis.reasons import reason
from fairway.drivers.runtimes.contract import OutputLine

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def lines(text: str, stream: str = "stderr") -> list[OutputLine]:
    return [OutputLine(at=NOW, stream=stream, text=line) for line in text.strip("\n").split("\n")]


def why(text: str) -> str:
    return reason(lines(text))


def raising(line: str) -> str:
    return f'Traceback (most recent call last):\n  File "x"\n{line}'


GUNICORN = """
[2026-11-29 02:00:00 +0000] [7] [INFO] Starting gunicorn 23.0.0
[2026-11-29 02:00:00 +0000] [7] [INFO] Listening at: http://127.0.0.1:20001 (7)
[2026-11-29 02:00:00 +0000] [9] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/app/.venv/lib/python3.12/site-packages/gunicorn/arbiter.py", line 608, in spawn_worker
    worker.init_process()
  File "/app/.venv/lib/python3.12/site-packages/gunicorn/util.py", line 370, in import_app
    mod = importlib.import_module(module)
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.12/importlib/__init__.py", line 90, in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "<frozen importlib._bootstrap>", line 1387, in _gcd_import
  File "<frozen importlib._bootstrap>", line 1331, in _find_and_load_unlocked
  File "<frozen importlib._bootstrap_external>", line 999, in exec_module
  File "<frozen importlib._bootstrap>", line 488, in _call_with_frames_removed
  File "/app/app/main.py", line 1, in <module>
    import {module}
ModuleNotFoundError: No module named '{module}'
[2026-11-29 02:00:00 +0000] [9] [INFO] Worker exiting (pid: 9)
[2026-11-29 02:00:00 +0000] [7] [ERROR] Worker (pid:9) exited with code 3
[2026-11-29 02:00:00 +0000] [7] [ERROR] Shutting down: Master
[2026-11-29 02:00:00 +0000] [7] [ERROR] Reason: Worker failed to boot.
"""
WRONG_NAME = """
Traceback (most recent call last):
  File "/app/.venv/lib/python3.12/site-packages/gunicorn/util.py", line 370, in import_app
    mod = importlib.import_module(module)
  File "/usr/lib/python3.12/importlib/__init__.py", line 90, in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "<frozen importlib._bootstrap>", line 1387, in _gcd_import
  File "<frozen importlib._bootstrap>", line 1324, in _find_and_load_unlocked
ModuleNotFoundError: No module named 'wsgi'
"""
ENVIRON = """
Traceback (most recent call last):
  File "/app/a.py", line 3, in f
    return os.environ["DATABASE_URL"]
           ~~~~~~~~~~^^^^^^^^^^^^^^^^
  File "<frozen os>", line 679, in __getitem__
KeyError: 'DATABASE_URL'
"""
UVICORN = """
INFO:     Started server process [12]
INFO:     Waiting for application startup.
ERROR:    Traceback (most recent call last):
  File "/app/.venv/lib/python3.12/site-packages/starlette/routing.py", line 694, in lifespan
    async with self.lifespan_context(app) as maybe_state:
  File "/app/main.py", line 7, in lifespan
    token = os.environ["API_TOKEN"]
            ~~~~~~~~~~^^^^^^^^^^^^^
  File "<frozen os>", line 714, in __getitem__
KeyError: 'API_TOKEN'

ERROR:    Application startup failed. Exiting.
"""
PYDANTIC = """
Traceback (most recent call last):
  File "/app/settings.py", line 9, in <module>
    settings = Settings()
pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings
database_url
  Field required [type=missing, input_value={}, input_type=dict]
    For further information visit https://errors.pydantic.dev/2.14/v/missing
secret
  Field required [type=missing, input_value={}, input_type=dict]
    For further information visit https://errors.pydantic.dev/2.14/v/missing
"""
NODE = """
node:internal/modules/cjs/loader:1210
  throw err;
  ^

Error: Cannot find module '{module}'
Require stack:
- /app/server.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)
    at require (node:internal/modules/helpers:182:18) {{
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/app/server.js' ]
}}

Node.js v20.20.2
"""
NODE_ESM = """
node:internal/modules/esm/resolve:873
  throw new ERR_MODULE_NOT_FOUND(packageName, fileURLToPath(base), null);
        ^

Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@scope/kit' imported from /app/a.mjs
    at packageResolve (node:internal/modules/esm/resolve:873:9) {
  code: 'ERR_MODULE_NOT_FOUND'
}
"""
NODE_REFUSED = """
node:events:502
      throw er; // Unhandled 'error' event
      ^

Error: connect ECONNREFUSED 127.0.0.1:5432
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)
"""
NODE_IN_USE = """
Error: listen EADDRINUSE: address already in use :::4444
    at Server.setupListenHandle [as _listen2] (node:net:1908:16)
"""
NUMPY = """
Traceback (most recent call last):
  File "/opt/venv/lib/python3.11/site-packages/numpy/_core/__init__.py", line 22, in <module>
    from . import multiarray
ImportError: libstdc++.so.6: cannot open shared object file: No such file or directory

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/app.py", line 3, in <module>
    import pandas
ImportError:

IMPORTANT: PLEASE READ THIS FOR ADVICE ON HOW TO SOLVE THIS ISSUE!

Importing the numpy C-extensions failed. This error can happen for many reasons.
"""
DJANGO_DATABASE = """
Traceback (most recent call last):
  File "/app/.venv/lib/python3.12/site-packages/django/db/backends/base/base.py", line 279, in ensure_connection
    self.connect()
psycopg.OperationalError: connection failed: connection to server at "10.0.0.7", port 5432 failed: Connection refused
	Is the server running on that host and accepting TCP/IP connections?

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/manage.py", line 22, in <module>
    main()
django.db.utils.OperationalError: connection failed: connection to server at "10.0.0.7", port 5432 failed: Connection refused
	Is the server running on that host and accepting TCP/IP connections?
"""
CHAIN = """
Traceback (most recent call last):
  File "/app/config.py", line 3, in load
    return os.environ["STRIPE_KEY"]
  File "<frozen os>", line 679, in __getitem__
KeyError: 'STRIPE_KEY'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/main.py", line 9, in <module>
    raise RuntimeError("no configuration")
RuntimeError: no configuration
"""
DISALLOWED = """
Invalid HTTP_HOST header: 'shop.example.com'. You may need to add 'shop.example.com' to ALLOWED_HOSTS.
Bad Request: /
"""


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (GUNICORN.format(module="requests"), ["“requests” is missing", "add “requests” to requirements.txt"]),
        (GUNICORN.format(module="PIL"), ["“PIL” is missing", "add “Pillow”"]),
        (GUNICORN.format(module="cv2"), ["add “opencv-python-headless”"]),
        (GUNICORN.format(module="yaml"), ["add “PyYAML”"]),
        (GUNICORN.format(module="sklearn.ensemble"), ["add “scikit-learn”"]),
        (NUMPY, ["The system library libstdc++.so.6 is missing where the application runs"]),
        (
            "error while loading shared libraries: libGL.so.1: cannot open shared object file: No such file or directory",
            ["libGL.so.1 is missing", "opencv-python-headless"],
        ),
        (WRONG_NAME, ["“wsgi”", "start command"]),
        (ENVIRON, ["DATABASE_URL is missing", "configuration page"]),
        (UVICORN, ["API_TOKEN is missing"]),
        (CHAIN, ["STRIPE_KEY is missing"]),
        (
            raising("decouple.UndefinedValueError: SECRET_KEY not found. Declare it as envvar or define a default value."),
            ["SECRET_KEY is missing"],
        ),
        (
            raising("django.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY environment variable"),
            ["SECRET_KEY is missing"],
        ),
        (PYDANTIC, ["“database_url”, “secret” are missing", "DATABASE_URL, SECRET"]),
        (NODE.format(module="express"), ["“express” is missing", "package.json"]),
        (NODE.format(module="/app/index.js"), ["no file “/app/index.js”"]),
        (NODE_ESM, ["“@scope/kit” is missing"]),
        (NODE_REFUSED, ["Nothing answers at 127.0.0.1:5432"]),
        (NODE_IN_USE, ["Port 4444 is in use", "PORT"]),
        (DJANGO_DATABASE, ["Nothing answers at 10.0.0.7:5432"]),
        (
            raising("redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused."),
            ["Nothing answers at localhost:6379"],
        ),
        (
            raising("pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'db' ([Errno 111] refused)\")"),
            ["Nothing answers at db,"],
        ),
        (
            raising("psycopg.OperationalError: failed to resolve host 'nodb': [Errno -2] Name or service not known"),
            ["“nodb”", "not known"],
        ),
        (
            raising('psycopg2.OperationalError: FATAL:  password authentication failed for user "shop"'),
            ["“shop”", "password"],
        ),
        (DISALLOWED, ["add “shop.example.com” to ALLOWED_HOSTS"]),
        ("[2026-11-29 02:00:00 +0000] [7] [ERROR] Connection in use: ('127.0.0.1', 8000)", ["Port 8000 is in use"]),
        (
            "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000): address already in use",
            ["Port 8000 is in use"],
        ),
        ("2026/11/29 02:00:00 listen tcp :8080: bind: address already in use", ["Port 8080 is in use"]),
        ('ERROR:    Error loading ASGI app. Could not import module "nope".', ["“nope”", "start command"]),
        ("Failed to find attribute 'app' in 'main'.", ["“app” in the module “main”"]),
        ("sh: 1: gunicorn: not found", ["“gunicorn” was not found"]),
        ("run.sh: line 3: npm: command not found", ["“npm” was not found"]),
        ("/usr/bin/env: ‘bash\\r’: No such file or directory", ["CRLF", ".gitattributes"]),
        ("/bin/sh^M: bad interpreter: No such file or directory", ["CRLF"]),
        ("bash: ./r.sh: cannot execute: required file not found", ["./r.sh", "CRLF"]),
        (
            "[FATAL tini (7)] exec ./run.sh failed: Permission denied",
            ["./run.sh", "chmod +x", "git update-index --chmod=+x"],
        ),
        ("[FATAL tini (7)] exec ./app failed: Exec format error", ["./app", "processor"]),
        ("run.sh: line 2: MAIL_HOST: unbound variable", ["MAIL_HOST is missing"]),
        ("run.sh: 2: MAIL_HOST: parameter not set", ["MAIL_HOST is missing"]),
        (raising("ValueError: the moon is full"), ["Its last error: ValueError: the moon is full."]),
        ("panic: no such table: users\n\ngoroutine 1 [running]:", ["Its last error: panic: no such table: users."]),
        (
            '\x1b[31mTraceback (most recent call last):\x1b[0m\n  File "x"\n\x1b[31mValueError: red\x1b[0m',
            ["Its last error: ValueError: red."],
        ),
    ],
)
def test_the_reason_is_said_with_what_to_do(printed: str, words: list[str]) -> None:
    found = why(printed)
    assert all(word in found for word in words), found
    assert found.endswith(".")
    assert "\n" not in found


@pytest.mark.parametrize(
    "printed",
    [
        "listening on port 8000\nGET / 200",
        "KeyError is a subclass of LookupError",
        "Traceback (most recent call last):",
        'Traceback (most recent call last):\n  File "x"\nKeyboardInterrupt',
    ],
)
def test_where_the_output_tells_nothing_nothing_is_said(printed: str) -> None:
    assert why(printed) == ""


def test_a_key_that_is_no_variable_is_not_called_one() -> None:
    printed = "Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in f\n    row['PRICE']\nKeyError: 'PRICE'"
    assert why(printed) == "Its last error: KeyError: 'PRICE'."


def test_what_was_handled_earlier_is_not_the_reason() -> None:
    assert why(NODE.format(module="optional") + ENVIRON) == why(ENVIRON)
    handled = GUNICORN.format(module="optional")
    assert why(handled + 'Traceback (most recent call last):\n  File "x"\nValueError: 7') == "Its last error: ValueError: 7."


def test_another_stream_does_not_cut_a_traceback() -> None:
    error, out = lines(ENVIRON), lines("hello\nworld\nhello\nworld", "stdout")
    mixed = [line for pair in zip(error[:4], out, strict=True) for line in pair] + error[4:]
    assert "DATABASE_URL is missing" in reason(mixed)


def test_a_long_message_is_not_cut_because_it_may_hold_a_secret() -> None:
    secret = "x" * 400
    printed = f'Traceback (most recent call last):\n  File "x"\nValueError: {secret}'
    assert why(printed) == "Its last error: ValueError."


def test_an_exception_under_a_caret_is_found_without_frames() -> None:
    bun = "1 | Bun.serve({})\n        ^\nTypeError: Bun.serve() needs either:\n\n  - A routes object:\n" + "     x\n" * 30
    assert why(bun) == "Its last error: TypeError: Bun.serve() needs either."


def test_gunicorn_is_given_something_that_is_no_application() -> None:
    gunicorn = """
[2026-11-29 11:36:35 +0000] [13382] [INFO] Booting worker with pid: 13382
Application object must be callable.
[2026-11-29 11:36:35 +0000] [13382] [INFO] Worker exiting (pid: 13382)
[2026-11-29 11:36:35 +0000] [13367] [ERROR] Reason: App failed to load.
"""
    assert "names is no application: gunicorn needs a function or an object" in why(gunicorn)


def test_a_script_that_does_not_exist_is_named() -> None:
    assert why("sh: 0: cannot open setup.sh: No such file") == (
        "The start command runs the script setup.sh, which does not exist: add it, or correct the start command."
    )


@pytest.mark.parametrize(
    "line",
    [
        "ImportError: cannot import name 'Mapping' from 'collections' (/usr/lib/python3.11/collections/__init__.py)",
        "AttributeError: module 'collections' has no attribute 'MutableMapping'",
    ],
)
def test_a_package_from_before_python_3_10_is_said_to_be_that(line: str) -> None:
    assert why(raising(line)).startswith("A package here was made for Python 3.9 or older")


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("ImportError: cannot import name 'url_quote' from 'werkzeug.urls' (/x/werkzeug/urls.py)", "werkzeug<3"),
        ("ImportError: cannot import name 'escape' from 'jinja2' (/x/jinja2/__init__.py)", "jinja2<3.1"),
        ("ImportError: cannot import name 'soft_unicode' from 'markupsafe' (/x)", "markupsafe<2.1"),
        ("ImportError: cannot import name 'json' from 'itsdangerous' (/x)", "itsdangerous<2.1"),
        ("ImportError: cannot import name '_request_ctx_stack' from 'flask' (/x)", "flask<2.3"),
        ("AttributeError: 'Flask' object has no attribute 'before_first_request'. Did you mean", "flask<2.3"),
        ("AttributeError: module 'numpy' has no attribute 'bool'.", "numpy<1.24"),
        ("ValueError: numpy.dtype size changed, may indicate binary incompatibility.", "numpy<2"),
        ("TypeError: Descriptors cannot be created directly.", "protobuf<4"),
        ("ModuleNotFoundError: No module named 'altair.vegalite.v4'", "altair<5"),
        ("TypeError: Client.__init__() got an unexpected keyword argument 'proxies'", "httpx<0.28"),
        ("dash.exceptions.ObsoleteAttributeException: app.run_server has been replaced by app.run", "dash<3"),
    ],
)
def test_a_package_that_went_on_is_named_with_the_version_to_ask_for(line: str, requirement: str) -> None:
    assert f"write “{requirement}” into requirements.txt" in why(raising(line))


@pytest.mark.parametrize(("module", "last"), [("imp", "3.11"), ("cgi", "3.12"), ("imghdr", "3.12")])
def test_a_module_that_python_no_longer_has_is_said_to_be_that(module: str, last: str) -> None:
    said = why(raising(f"ModuleNotFoundError: No module named '{module}'"))
    assert said.startswith(f"Python had the module “{module}” until {last} only: write {last} into .python-version")


def test_mongoose_without_an_address_is_said_to_be_that() -> None:
    said = why('The `uri` parameter to `openUri()` must be a string, got "undefined". Make sure the first parameter is one.')
    assert said.startswith("The address of MongoDB is missing: the variable that mongoose.connect() reads is not set")


def test_a_secret_that_streamlit_does_not_find_is_named() -> None:
    frames = '  File "/app/app.py", line 3, in <module>\n    key = st.secrets["OPENAI_API_KEY"]\n'
    none = "streamlit.errors.StreamlitSecretNotFoundError: No secrets found. Valid paths for a secrets.toml file are: /x"
    other = "KeyError: 'st.secrets has no key \"OPENAI_API_KEY\". Did you forget to add it to secrets.toml?'"
    for line in (none, other):
        said = why(f"Traceback (most recent call last):\n{frames}{line}")
        assert said.startswith("The page asks for the secret “OPENAI_API_KEY”, which is missing: set OPENAI_API_KEY on")
