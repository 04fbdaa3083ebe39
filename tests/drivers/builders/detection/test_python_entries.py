"""Which object, in which file, below which folder: everything that is told from the syntax trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.detection.detect import detect

from ..folders import make
from .told import FASTAPI, FLASK, GUNICORN, UVICORN, best, line

FACTORY = "from flask import Flask\ndef {}:\n    app = Flask(__name__)\n    return app\n"
ENTRIES: dict[str, tuple[dict[str, str], str]] = {
    "an object": ({"web.py": FLASK}, f"{GUNICORN} web:app"),
    "an object with a type": (
        {"main.py": "import fastapi\napi: fastapi.FastAPI = fastapi.FastAPI()\n"},
        f"{UVICORN} main:api",
    ),
    "a class under another name": ({"main.py": "from fastapi import FastAPI as Api\napp = Api()\n"}, f"{UVICORN} main:app"),
    "an object made in one case or the other": (
        {"main.py": "from fastapi import FastAPI\napp = FastAPI(docs_url=None) if 1 else FastAPI()\n"},
        f"{UVICORN} main:app",
    ),
    "an object made while trying": (
        {"main.py": "try:\n    from fastapi import FastAPI\n    app = FastAPI()\nfinally: pass\n"},
        f"{UVICORN} main:app",
    ),
    "a subclass of the folder's own": (
        {
            "core/base.py": "import flask\nclass Shop(flask.Flask): pass\n",
            "core/__init__.py": "",
            "run.py": "from core.base import Shop\napp = Shop(__name__)\n",
        },
        f"{GUNICORN} run:app",
    ),
    "a factory": ({"shop/__init__.py": FACTORY.format("create_app(settings=None)")}, f"{GUNICORN} 'shop:create_app()'"),
    "a factory that returns the call": (
        {"main.py": "from fastapi import FastAPI\ndef get_application() -> FastAPI:\n    return FastAPI()\n"},
        f"{UVICORN} --factory main:get_application",
    ),
    "a factory that passes another one on": (
        {"main.py": FACTORY.format("build_app(mode)") + "def create_app():\n    return build_app('live')\n"},
        f"{GUNICORN} 'main:create_app()'",
    ),
    "a factory that is called in its own file": (
        {"main.py": "import fastapi\ndef create_application():\n    return fastapi.FastAPI()\napi = create_application()\n"},
        f"{UVICORN} main:api",
    ),
    "a factory that somebody calls with arguments": (
        {
            "app/__init__.py": FACTORY.format("create_app(config_name)"),
            "run.py": "import os\nfrom app import create_app\napp = create_app(os.getenv('CFG'))\n",
        },
        f"{GUNICORN} run:app",
    ),
    "a factory that only the worker calls": (
        {
            "app/__init__.py": FACTORY.format("create_app()"),
            "celery_worker.py": "from app import create_app\napp = create_app()\n",
        },
        f"{GUNICORN} 'app:create_app()'",
    ),
    "a factory whose caller hides behind the package of its name": (
        {"app/__init__.py": FACTORY.format("create_app()"), "app.py": "from app import create_app\napp = create_app()\n"},
        f"{GUNICORN} 'app:create_app()'",
    ),
    "a factory with arguments whose caller hides behind the package of its name": (
        {
            "app/__init__.py": FACTORY.format("create_app(mode)"),
            "app.py": "from app import create_app\napp = create_app(mode='live')\n",
        },
        f"{GUNICORN} 'app:create_app(mode='\"'\"'live'\"'\"')'",
    ),
    "an object that another one holds": (
        {"main.py": "import fastapi\nclass S:\n    def __init__(self): self.app = fastapi.FastAPI()\napi = S().app\n"},
        f"{UVICORN} main:api",
    ),
    "an object only for the program that the file is": (
        {"wsgi.py": FACTORY.format("create_app()") + "if __name__ == '__main__':\n    app = create_app()\n    app.run()\n"},
        f"{GUNICORN} 'wsgi:create_app()'",
    ),
    "a main function that returns a number is no factory": (
        {"app.py": FLASK, "main.py": "from flask import Flask\ndef main():\n    Flask('x').run()\n    return 0\n"},
        f"{GUNICORN} app:app",
    ),
    "FLASK_APP with arguments": (
        {".flaskenv": "FLASK_APP=\"shop:create_app('live')\"\n", "shop/__init__.py": FACTORY.format("create_app(mode)")},
        f"{GUNICORN} 'shop:create_app('\"'\"'live'\"'\"')'",
    ),
    "FLASK_APP names a file": (
        {".flaskenv": "export FLASK_APP=second.py\n", "app.py": FLASK, "second.py": FLASK},
        f"{GUNICORN} second:app",
    ),
    "uvicorn.run names the object": (
        {
            "main.py": FASTAPI,
            "shop/__init__.py": "",
            "shop/web.py": FASTAPI,
            "start.py": "import uvicorn\nuvicorn.run('shop.web:app', port=1)\n",
        },
        f"{UVICORN} shop.web:app",
    ),
    "the entrypoint of pyproject.toml": (
        {"pyproject.toml": "[tool.fastapi]\nentrypoint = 'other:app'\n", "main.py": FASTAPI, "other.py": FASTAPI},
        f"{UVICORN} other:app",
    ),
    "a package beside the file that imports it": (
        {
            "app/__init__.py": FLASK + "from app import routes\n",
            "app/routes.py": "from app import app\n",
            "microblog.py": "from app import app\n",
        },
        f"{GUNICORN} app:app",
    ),
    "the file that starts what another one makes": (
        {
            "shop/__init__.py": FLASK,
            "run.py": "from shop import app as site\nimport routes\nif __name__ == '__main__': site.run()\n",
            "routes.py": "from shop import app\n",
        },
        f"{GUNICORN} run:site",
    ),
    "a file that fills tables starts nothing": (
        {"shop/__init__.py": FLASK, "fill.py": "from shop import app\napp.open()\n"},
        f"{GUNICORN} shop:app",
    ),
    "a file with a hyphen in its name": ({"my-app.py": FLASK}, f"{GUNICORN} my-app:app"),
    "flat imports": (
        {"app/main.py": "from database import x\n" + FASTAPI, "app/database.py": "x = 1\n"},
        f"{UVICORN} --app-dir app main:app",
    ),
    "imports from the top": (
        {"app/main.py": "from app.database import x\n" + FASTAPI, "app/database.py": "x = 1\n"},
        f"{UVICORN} app.main:app",
    ),
    "relative imports": (
        {"app/main.py": "from .database import x\n" + FASTAPI, "app/database.py": "x = 1\n"},
        f"{UVICORN} app.main:app",
    ),
    "relative imports two folders down": (
        {"backend/app/main.py": "from .database import x\n" + FASTAPI, "backend/app/database.py": "x = 1\n"},
        f"{UVICORN} backend.app.main:app",
    ),
    "a package in a folder": (
        {"backend/app/main.py": "from app.database import x\n" + FASTAPI, "backend/app/database.py": "x = 1\n"},
        f"{UVICORN} --app-dir backend app.main:app",
    ),
    "below src": ({"src/shop/main.py": FASTAPI}, f"{UVICORN} --app-dir src shop.main:app"),
    "src that is imported by its name": (
        {"src/main.py": "from src.api import x\n" + FASTAPI, "src/api.py": "x = 1\n"},
        f"{UVICORN} src.main:app",
    ),
    "a folder that is no name": ({"my-api/main.py": FASTAPI}, f"{UVICORN} --app-dir my-api main:app"),
    "a mounted application is not the one": (
        {"main.py": "from fastapi import FastAPI\napi = FastAPI()\nsite = FastAPI()\nsite.mount('/api', api)\n"},
        f"{UVICORN} main:site",
    ),
    "examples and tests are not the one": (
        {"demo_app.py": FLASK, "test_app.py": FLASK, "webapp.py": FLASK},
        f"{GUNICORN} webapp:app",
    ),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_the_object_that_is_served(tmp_path: Path, name: str) -> None:
    files, command = ENTRIES[name]
    assert line(best(tmp_path, files)) == command


def test_a_factory_that_nobody_can_call_is_said_with_what_to_do(tmp_path: Path) -> None:
    detection = detect(
        make(tmp_path, {"requirements.txt": "flask", "shop.py": FACTORY.format("create_app(config, *, mode)")})
    )
    assert detection.best is None
    assert "create_app() in shop.py" in detection.advice
    assert "config, mode" in detection.advice
    assert "wsgi.py" in detection.advice


def test_what_lies_in_a_subfolder_with_a_manifest_is_started_with_its_own_dependencies(tmp_path: Path) -> None:
    one = best(tmp_path, {"README.md": "", "backend/requirements.txt": "fastapi\nuvicorn\n", "backend/main.py": FASTAPI})
    assert (one.spec.root, line(one)) == ("backend", f"{UVICORN} main:app")
    assert one.spec.install == {"from": "requirements.txt"}


def test_of_two_factories_the_one_that_completes_the_other_is_taken(tmp_path: Path) -> None:
    begins = "from quart import Quart\ndef create_base_app():\n    return Quart(__name__)\n"
    completes = "def create_full_app():\n    app = create_base_app()\n    app.register_blueprint(1)\n    return app\n"
    one = best(tmp_path, {"requirements.txt": "quart\nuvicorn", "shop.py": begins + completes})
    assert line(one).endswith("--factory shop:create_full_app")
