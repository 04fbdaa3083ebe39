"""Finds what the code imports and no manifest lists, and the package on the index that provides it.

Only packages in these tables are ever added: a package with the name of an import may be somebody else's.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Collection

from packaging.utils import canonicalize_name

from fairway.drivers.builders.detection.python_entries import Entries
from fairway.drivers.builders.detection.python_modules import folder_of
from fairway.drivers.builders.detection.source_folder import SourceFolder

MOST_INCLUDED = 12  # requirements files that one includes, at most
_NAME = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]{0,100})")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]?\s{0,8}(?P<file>[^\s#]{1,200})")

OTHER_NAMES = {  # import → package
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "corsheaders": "django-cors-headers",
    "crispy_forms": "django-crispy-forms",
    "cv2": "opencv-python-headless",
    "dash_bootstrap_components": "dash-bootstrap-components",
    "dateutil": "python-dateutil",
    "decouple": "python-decouple",
    "discord": "discord.py",
    "dj_database_url": "dj-database-url",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "engineio": "python-engineio",
    "environ": "django-environ",
    "faiss": "faiss-cpu",
    "fasthtml": "python-fasthtml",
    "fitz": "pymupdf",
    "git": "gitpython",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "multipart": "python-multipart",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "rest_framework": "djangorestframework",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socketio": "python-socketio",
    "telegram": "python-telegram-bot",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
_WELL_KNOWN = """
aiofiles aiohttp aiosqlite alembic altair anthropic apiflask arrow asyncpg authlib babel bcrypt blacksheep
bleach bokeh boto3 bottle cachetools celery certifi chainlit channels cherrypy click connexion cryptography
dash django duckdb eve falcon fastapi feedparser flask flask_bcrypt flask_caching flask_cors flask_limiter
flask_login flask_mail flask_migrate flask_restful flask_socketio flask_sqlalchemy flask_wtf folium geopandas
gradio gunicorn h5py httpx huggingface_hub itsdangerous jinja2 joblib keras langchain langchain_community
langchain_core langchain_openai lightgbm litestar loguru lxml marimo markdown markupsafe marshmallow
matplotlib mesop motor mysql networkx nicegui nltk numpy openai openpyxl orjson pandas panel passlib peewee
pendulum pika plotly polars prometheus_client psutil psycopg pyarrow pydantic pydantic_settings pygments
pymongo pymysql pypdf pyramid pytz qrcode quart redis reportlab requests rich robyn sanic scipy seaborn
sentry_sdk shapely shiny spacy sqlalchemy sqlmodel starlette statsmodels streamlit stripe sympy tabulate
tenacity tensorflow tiktoken torch tornado tqdm transformers twilio typer ujson uvicorn uvloop voila waitress
websockets werkzeug whitenoise wordcloud wtforms xgboost yfinance
"""
SAME_NAMES = frozenset(_WELL_KNOWN.split())  # packages with the name of their module
_BRINGS = {  # dependencies of a package that code often imports, too
    "aiohttp": "multidict yarl attrs aiosignal",
    "boto3": "botocore",
    "dash": "flask plotly werkzeug requests",
    "django": "asgiref sqlparse",
    "djangorestframework": "django",
    "fastapi": "starlette pydantic anyio typing-extensions",
    "flask": "werkzeug jinja2 click markupsafe itsdangerous blinker",
    "flask-migrate": "alembic flask flask-sqlalchemy sqlalchemy",
    "flask-socketio": "python-socketio python-engineio flask",
    "flask-sqlalchemy": "sqlalchemy flask",
    "gradio": "fastapi starlette uvicorn pydantic numpy pandas pillow httpx requests huggingface-hub jinja2 orjson pyyaml",
    "httpx": "anyio certifi idna",
    "langchain": "langchain-core pydantic requests sqlalchemy",
    "matplotlib": "numpy pillow python-dateutil",
    "nicegui": "fastapi starlette uvicorn httpx",
    "pandas": "numpy python-dateutil pytz",
    "panel": "bokeh param markdown requests tqdm pandas numpy",
    "plotly": "narwhals packaging",
    "requests": "urllib3 certifi idna charset-normalizer",
    "scikit-learn": "numpy scipy joblib",
    "seaborn": "pandas numpy matplotlib",
    "shiny": "starlette uvicorn htmltools",
    "sqlmodel": "sqlalchemy pydantic",
    "streamlit": "pandas numpy altair pillow pyarrow requests protobuf tornado packaging click jinja2",
    "torch": "numpy",
    "transformers": "numpy requests tqdm huggingface-hub pyyaml",
}


def listed_in(folder: SourceFolder, file: str) -> frozenset[str]:
    """The canonical names in a requirements file and in those that it includes (``-r base.txt``)."""
    names: set[str] = set()
    seen, waiting = set[str](), [file]
    while waiting and len(seen) < MOST_INCLUDED:
        current = waiting.pop()
        seen.add(current)
        for line in folder.text(current).splitlines():
            if match := _INCLUDE.match(line):
                included = posixpath.normpath(posixpath.join(folder_of(current), match["file"]))
                waiting += [included] if included not in seen else []
            elif match := _NAME.match(line):
                names.add(str(canonicalize_name(match["name"])))
    return frozenset(names)


def unlisted(entries: Entries, file: str, folder: str, listed: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What an entry file needs and `listed` (canonical package names) does not contain: (packages to add, unknown
    modules)."""
    have = _with_what_they_bring(listed)
    add: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for reached in entries.modules.reached_from(file, folder):
        for name in dict.fromkeys(module.partition(".")[0] for module in entries.source(reached).needed):
            if not name or name in sys.stdlib_module_names or entries.modules.is_local(name, reached, folder):
                continue
            package = package_of(name)
            if not _is_there(name, package, have):
                (add if package else unknown)[package or name] = None
    return tuple(add), tuple(unknown)


def package_of(module: str) -> str:
    """The well-known package that provides a module; "" for a module that is not in the tables."""
    return OTHER_NAMES.get(module) or (str(canonicalize_name(module)) if module in SAME_NAMES else "")


def _with_what_they_bring(listed: Collection[str]) -> frozenset[str]:
    found = set(listed)
    for _ in range(3):  # flask-migrate brings flask-sqlalchemy, which brings sqlalchemy
        found |= {name for package in found & _BRINGS.keys() for name in _BRINGS[package].split()}
    return frozenset(found)


def _is_there(module: str, package: str, have: frozenset[str]) -> bool:
    """Whether a listed package provides the module. A package whose name contains the module's is assumed to
    (``psycopg2-binary``)."""
    name = str(canonicalize_name(module))
    return (
        package in have or name in have or any(name in listed.split("-") or listed.startswith(f"{name}-") for listed in have)
    )
