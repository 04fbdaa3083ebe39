"""Scripts with a server of their own: how the port is handed to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.detection.detect import detect

from ..folders import make
from .told import FASTAPI, best, line, remarks

HTTP = "import os, http.server as h\nh.HTTPServer(('', {}), h.SimpleHTTPRequestHandler).serve_forever()\n"
TORNADO = "import tornado.web, tornado.ioloop\napp = tornado.web.Application([])\n"
AIOHTTP = "from aiohttp import web\napp = web.Application()\n"
ARGUMENTS = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--port'{})\n"
CASES: dict[str, tuple[dict[str, str], str]] = {
    "PORT": ({"serve.py": "import os\nprint(os.environ['PORT'])"}, "python serve.py"),
    "PORT by a helper": (
        {
            "main.py": "import uvicorn\nfrom settings import PORT\nuvicorn.run(None, port=PORT)\n",
            "settings.py": "import os\nPORT = os.getenv('PORT')\n",
        },
        "python main.py",
    ),
    "PORT in a library for settings": (
        {"main.py": "from decouple import config\nimport uvicorn\nuvicorn.run(None, port=config('PORT'))\n"},
        "python main.py",
    ),
    "in a folder": ({"backend/server.py": HTTP.format("int(os.environ['PORT'])")}, "python backend/server.py"),
    "in a package": (
        {
            "shop/__main__.py": "from . import db\n" + HTTP.format("int(os.environ['PORT'])"),
            "shop/db.py": "",
            "shop/__init__.py": "",
        },
        "python -m shop",
    ),
    "that imports from the top": (
        {"shop/server.py": "from shop import db\n" + HTTP.format("int(os.environ['PORT'])"), "shop/db.py": ""},
        "PYTHONPATH=. python shop/server.py",
    ),
    "another variable": ({"main.py": HTTP.format("int(os.environ['SERVER_PORT'])")}, "SERVER_PORT={port} python main.py"),
    "an option": (
        {"main.py": ARGUMENTS.format(", type=int") + HTTP.format("p.parse_args().port")},
        "python main.py --port {port}",
    ),
    "options for port and host": (
        {"main.py": ARGUMENTS.format("") + "p.add_argument('--host')\n" + HTTP.format("1")},
        "python main.py --port {port} --host {host}",
    ),
    "tornado's option": (
        {
            "requirements.txt": "tornado",
            "main.py": "from tornado.options import define, options\ndefine('port', default=8888)\n"
            + TORNADO
            + "app.listen(options.port)\n",
        },
        "python main.py --port={port}",
    ),
    "the file that nobody imports": (
        {
            "tool.py": HTTP.format("int(os.environ['PORT'])"),
            "starter.py": "import tool\n" + HTTP.format("int(os.environ['PORT'])"),
        },
        "python starter.py",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_how_the_port_is_handed_over(tmp_path: Path, name: str) -> None:
    files, command = CASES[name]
    one = best(tmp_path, files)
    assert (one.spec.framework, line(one)) == ("Python script", command)


@pytest.mark.parametrize(
    ("source", "port"),
    [
        (HTTP.format("8123"), 8123),
        ("PORT = 8124\n" + HTTP.format("PORT"), 8124),
        (TORNADO + "app.listen(8888)\n", 8888),
        (AIOHTTP + "web.run_app(app)\n", 8080),
        (AIOHTTP + "web.run_app(app, port=9001)\n", 9001),
        ("import uvicorn\n" + FASTAPI + "uvicorn.run(app)\n", 8000),
        ("import cherrypy\ncherrypy.config.update({'server.socket_port': 8099})\ncherrypy.quickstart(object())\n", 8099),
        ("import asyncio\nasync def main():\n    await asyncio.start_server(print, '0.0.0.0', 7000)\n", 7000),
    ],
)
def test_a_port_in_the_code_is_told_and_moved_where_ports_are_shared(tmp_path: Path, source: str, port: int) -> None:
    one = best(tmp_path, {"main.py": source})
    assert (one.spec.port, one.spec.install["listens"], line(one)) == (port, port, "python main.py")
    assert any(f"It listens on port {port}" in finding.what for finding in one.findings)


def test_a_factory_that_only_a_program_calls_is_served_by_the_program(tmp_path: Path) -> None:
    factory = "from flask import Flask\ndef create_app(mode):\n    app = Flask(mode)\n    return app\n"
    run = "import sys\nfrom shop import create_app\nif __name__ == '__main__':\n    create_app(sys.argv[0]).run()\n"
    one = best(tmp_path, {"requirements.txt": "flask", "shop.py": factory, "run.py": run})
    assert (line(one), one.spec.port) == ("python run.py", 5000)
    assert "development server" in remarks(tmp_path)


@pytest.mark.parametrize(
    "source", ["print(1)\n", "import discord\ndiscord.Client().run('x')\n", "import os\nos.environ['PORTS']\n"]
)
def test_what_listens_to_nobody_is_not_started(tmp_path: Path, source: str) -> None:
    assert detect(make(tmp_path, {"main.py": source})).best is None
