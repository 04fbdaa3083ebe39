"""Functions for somebody's cloud: those that have a server of their own run by it, the others are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.detection.detect import detect

from ..folders import make
from .told import GUNICORN, added, best, line, remarks

GOOGLE = "import functions_framework\n@functions_framework.http\ndef hello(request):\n    return 'hi'\n"
CHALICE = "from chalice import Chalice\napp = Chalice(app_name='x')\n@app.route('/')\ndef home(): return {}\n"
LAMBDA = "def lambda_handler(event, context):\n    return {'statusCode': 200}\n"
VERCEL = "from http.server import BaseHTTPRequestHandler\nclass handler(BaseHTTPRequestHandler):\n    pass\n"
WSGI = "def application(environ, start_response):\n    return [b'x']\n"
ASGI = "async def app(scope, receive, send):\n    pass\n"


def test_a_function_for_google_runs_by_its_framework(tmp_path: Path) -> None:
    one = best(tmp_path, {"main.py": GOOGLE, "requirements.txt": "functions-framework\n"})
    assert line(one) == "functions-framework --source=main.py --target=hello --host={host} --port={port}"


def test_chalice_runs_by_its_local_server_and_says_so(tmp_path: Path) -> None:
    assert line(best(tmp_path, {"app.py": CHALICE, "requirements.txt": "chalice\n"})).startswith("chalice local ")
    assert "for trying out" in remarks(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("lambda_function.py", LAMBDA, "AWS Lambda or the like (lambda_handler in lambda_function.py)"),
        ("api/index.py", VERCEL, "Vercel (handler in api/index.py)"),
        ("function_app.py", "import azure.functions as func\napp = func.FunctionApp()\n", "Azure (function_app.py)"),
    ],
)
def test_other_functions_are_named_with_what_to_do(tmp_path: Path, file: str, text: str, words: str) -> None:
    advice = detect(make(tmp_path, {file: text})).advice
    assert words in advice
    assert "Put a web framework around it" in advice


def test_a_function_that_speaks_the_protocol_of_a_server_is_served(tmp_path: Path) -> None:
    one = best(tmp_path / "w", {"wsgi.py": WSGI})
    assert (line(one), added(one)) == (f"{GUNICORN} wsgi:application", ["gunicorn"])
    assert line(best(tmp_path / "a", {"main.py": ASGI})) == "uvicorn --host {host} --port {port} main:app"


def test_a_framework_comes_before_such_a_function_of_it(tmp_path: Path) -> None:
    files = {"app.py": "from flask import Flask\napp = Flask(__name__)\n", "wsgi.py": WSGI, "requirements.txt": "flask\n"}
    assert best(tmp_path, files).spec.framework == "Flask"


def test_programs_without_a_page_are_named(tmp_path: Path) -> None:
    tool = '[project]\nname = "greeter"\n[project.scripts]\ngreet = "greeter:main"\n'
    said = detect(make(tmp_path / "tool", {"pyproject.toml": tool, "src/greeter/__init__.py": "def main(): pass\n"})).advice
    assert said.startswith("This is a program for the command line (greet in pyproject.toml)")
    loop = "import time\nwhile True:\n    time.sleep(1)\n"
    said = detect(make(tmp_path / "loop", {"main.py": loop, "helper.py": "x = 1\n"})).advice
    assert said.startswith("main.py answers no visitors")


def test_an_mcp_server_over_standard_input_is_told_how_to_answer_over_http(tmp_path: Path) -> None:
    text = "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\nif __name__ == '__main__':\n    mcp.run()\n"
    advice = detect(make(tmp_path, {"server.py": text, "requirements.txt": "mcp\n"})).advice
    assert advice.startswith("server.py is an MCP server")
    assert "streamable-http" in advice
