"""Each web framework: by which server it is served, and what is installed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .told import FASTAPI, FLASK, GUNICORN, UVICORN, added, best, line

SOCKETIO = "from flask_socketio import SocketIO\n" + FLASK + "socketio = SocketIO(app)\n"
AIOHTTP = "from aiohttp import web\napp = web.Application()\n"
BOTTLE = "from bottle import route, run\n@route('/')\ndef home(): return 'x'\nrun(port=8080)\n"
CASES: dict[str, tuple[str, dict[str, str], str, list[str]]] = {
    "flask": ("Flask", {"requirements.txt": "flask", "app.py": FLASK}, f"{GUNICORN} app:app", ["gunicorn"]),
    "flask with gunicorn": ("Flask", {"requirements.txt": "Flask==3\ngunicorn", "app.py": FLASK}, f"{GUNICORN} app:app", []),
    "flask with waitress": (
        "Flask",
        {"requirements.txt": "flask\nwaitress", "app.py": FLASK},
        "waitress-serve --listen={host}:{port} app:app",
        [],
    ),
    "flask without any list": ("Flask", {"app.py": FLASK}, f"{GUNICORN} app:app", ["flask", "gunicorn"]),
    "apiflask": (
        "Flask",
        {"requirements.txt": "apiflask", "app.py": "from apiflask import APIFlask\napp = APIFlask(__name__)\n"},
        f"{GUNICORN} app:app",
        ["gunicorn"],
    ),
    "flask-openapi3": (
        "Flask",
        {"requirements.txt": "flask-openapi3", "app.py": "from flask_openapi3 import OpenAPI\napp = OpenAPI(__name__)\n"},
        f"{GUNICORN} app:app",
        ["gunicorn"],
    ),
    "socket.io on flask": (
        "Flask",
        {"requirements.txt": "flask\nflask-socketio", "app.py": SOCKETIO},
        "gunicorn --bind {host}:{port} --threads 100 app:app",
        ["gunicorn"],
    ),
    "socket.io with gevent": (
        "Flask",
        {"requirements.txt": "flask\nflask-socketio\ngevent\ngunicorn", "app.py": SOCKETIO},
        "gunicorn --bind {host}:{port} --worker-class gevent app:app",
        [],
    ),
    "socket.io with eventlet": (
        "Flask",
        {"requirements.txt": "flask\nflask-socketio\neventlet\ngunicorn", "app.py": SOCKETIO},
        "gunicorn --bind {host}:{port} --worker-class eventlet app:app",
        ["gunicorn<26"],
    ),
    "fastapi": ("FastAPI", {"requirements.txt": "fastapi", "main.py": FASTAPI}, f"{UVICORN} main:app", ["uvicorn"]),
    "fastapi with its extras": (
        "FastAPI",
        {"requirements.txt": "fastapi[standard]", "main.py": FASTAPI + "@app.websocket('/ws')\ndef x(): pass\n"},
        f"{UVICORN} main:app",
        [],
    ),
    "fastapi with web sockets": (
        "FastAPI",
        {"requirements.txt": "fastapi\nuvicorn", "main.py": FASTAPI + "@app.websocket('/ws')\ndef x(): pass\n"},
        f"{UVICORN} main:app",
        ["websockets"],
    ),
    "starlette": (
        "Starlette",
        {
            "requirements.txt": "starlette\nuvicorn",
            "main.py": "from starlette.applications import Starlette\napp = Starlette()\n",
        },
        f"{UVICORN} main:app",
        [],
    ),
    "fasthtml": (
        "FastHTML",
        {
            "requirements.txt": "python-fasthtml\nuvicorn",
            "main.py": "from fasthtml.common import *\napp, rt = fast_app()\nserve()\n",
        },
        f"{UVICORN} main:app",
        [],
    ),
    "litestar": (
        "Litestar",
        {"requirements.txt": "litestar[standard]\n", "app.py": "from litestar import Litestar\napp = Litestar([])\n"},
        f"{UVICORN} app:app",
        [],
    ),
    "quart": (
        "Quart",
        {"requirements.txt": "quart", "app.py": "from quart import Quart\napp = Quart(__name__)\n"},
        "hypercorn --bind {host}:{port} app:app",
        ["hypercorn"],
    ),
    "quart below src": (
        "Quart",
        {"requirements.txt": "quart\nhypercorn", "src/shop/app.py": "from quart import Quart\napp = Quart(__name__)\n"},
        "hypercorn --bind {host}:{port} src/shop.app:app",
        [],
    ),
    "sanic": (
        "Sanic",
        {"requirements.txt": "sanic", "server.py": "from sanic import Sanic\napp = Sanic('x')\n"},
        "sanic server:app --host {host} --port {port} --single-process",
        [],
    ),
    "falcon": (
        "Falcon",
        {"requirements.txt": "falcon\ngunicorn", "app.py": "import falcon\napp = falcon.App()\n"},
        f"{GUNICORN} app:app",
        [],
    ),
    "falcon by the ASGI": (
        "Falcon",
        {"requirements.txt": "falcon\nuvicorn", "app.py": "import falcon.asgi\napp = falcon.asgi.App()\n"},
        f"{UVICORN} app:app",
        [],
    ),
    "aiohttp": (
        "aiohttp",
        {"requirements.txt": "aiohttp", "main.py": AIOHTTP + "if __name__ == '__main__':\n    web.run_app(app)\n"},
        "gunicorn --bind {host}:{port} --worker-class aiohttp.GunicornWebWorker main:app",
        ["gunicorn"],
    ),
    "aiohttp that reads PORT": (
        "Python script",
        {"requirements.txt": "aiohttp", "main.py": AIOHTTP + "import os\nweb.run_app(app, port=int(os.environ['PORT']))\n"},
        "python main.py",
        [],
    ),
    "bottle": (
        "Bottle",
        {"requirements.txt": "bottle\ngunicorn", "app.py": "from bottle import Bottle\napp = Bottle()\n"},
        f"{GUNICORN} app:app",
        [],
    ),
    "bottle's routes of the module": (
        "Bottle",
        {"requirements.txt": "bottle", "app.py": BOTTLE},
        "python -m bottle --bind {host}:{port} --server waitress app",
        ["waitress"],
    ),
    "pyramid": (
        "Pyramid",
        {
            "requirements.txt": "pyramid\ngunicorn",
            "app.py": "from pyramid.config import Configurator\nconfig = Configurator()\napp = config.make_wsgi_app()\n",
        },
        f"{GUNICORN} app:app",
        [],
    ),
    "pyramid by its file": (
        "Pyramid",
        {
            "requirements.txt": "pyramid\ngunicorn",
            "production.ini": "[app:main]\nuse = egg:shop\n",
            "shop/__init__.py": "def main(g, **s): pass\n",
        },
        f"{GUNICORN} --paste production.ini",
        [],
    ),
    "blacksheep": (
        "BlackSheep",
        {"requirements.txt": "blacksheep\nuvicorn", "app.py": "from blacksheep import Application\napp = Application()\n"},
        f"{UVICORN} app:app",
        [],
    ),
    "connexion 3": (
        "Connexion",
        {
            "requirements.txt": "connexion[flask,uvicorn]\nuvicorn",
            "run.py": "import connexion\napp = connexion.App(__name__)\n",
        },
        f"{UVICORN} run:app",
        [],
    ),
    "connexion 2": (
        "Connexion",
        {"requirements.txt": "connexion==2.14.2\nwaitress", "run.py": "import connexion\napp = connexion.App(__name__)\n"},
        "waitress-serve --listen={host}:{port} run:app.app",
        [],
    ),
    "socket.io by itself": (
        "Socket.IO",
        {
            "requirements.txt": "python-socketio\nuvicorn\nwebsockets",
            "main.py": "import socketio\nsio = socketio.AsyncServer()\napp = socketio.ASGIApp(sio)\n",
        },
        f"{UVICORN} main:app",
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_server_of_a_framework(tmp_path: Path, name: str) -> None:
    framework, files, command, packages = CASES[name]
    one = best(tmp_path, files)
    assert (one.spec.framework, line(one), added(one)) == (framework, command, packages)


def test_visitors_of_socket_io_stay_with_one_replica(tmp_path: Path) -> None:
    assert best(tmp_path, {"requirements.txt": "flask\nflask-socketio", "app.py": SOCKETIO}).spec.sticky is True
    assert best(tmp_path / "other", {"requirements.txt": "flask", "app.py": FLASK}).spec.sticky is None


def test_importing_a_flask_file_that_runs_itself_ends(tmp_path: Path) -> None:
    one = best(tmp_path, {"requirements.txt": "flask", "app.py": FLASK + "app.run(debug=True)\n"})
    assert one.spec.environment == {"FLASK_RUN_FROM_CLI": "true"}
    guarded = FLASK + "if __name__ == '__main__':\n    app.run()\n"
    assert best(tmp_path / "other", {"requirements.txt": "flask", "app.py": guarded}).spec.environment == {}


def test_the_health_route_beside_the_application_is_found(tmp_path: Path) -> None:
    one = best(tmp_path, {"app/main.py": FASTAPI, "app/routes.py": "@router.get('/healthz')\ndef health(): pass\n"})
    assert one.spec.health_path == "/healthz"
