"""Dashboards and notebooks: which file is started, by which program."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.detection.detect import detect

from ..folders import make
from .told import FASTAPI, added, best, line, remarks

ST = "import streamlit as st\nst.write('x')\n"
DEFINES = "import streamlit as st\ndef show(): st.write('x')\n"
DASH = "import dash\napp = dash.Dash(__name__)\n"
GRADIO = "import gradio as gr\ndemo = gr.Interface(fn=str, inputs='text', outputs='text')\n"
SHINY = "from shiny import App, ui\napp = App(ui.page_fluid('x'), None)\n"
LISTEN = "--host {host} --port {port}"
CASES: dict[str, tuple[str, dict[str, str], str]] = {
    "dash with its server": (
        "Dash",
        {"requirements.txt": "dash\ngunicorn", "app.py": DASH + "server = app.server\n"},
        "gunicorn --bind {host}:{port} --threads 8 app:server",
    ),
    "dash without": (
        "Dash",
        {"requirements.txt": "dash", "app.py": DASH},
        "waitress-serve --listen={host}:{port} app:app.server",
    ),
    "gradio": (
        "Gradio",
        {"requirements.txt": "gradio", "app.py": GRADIO + "demo.launch()\n"},
        "GRADIO_SERVER_NAME={host} GRADIO_SERVER_PORT={port} python app.py",
    ),
    "gradio in fastapi": (
        "FastAPI",
        {
            "requirements.txt": "gradio\nfastapi\nuvicorn",
            "main.py": FASTAPI + GRADIO + "app = gr.mount_gradio_app(app, demo, path='/')\n",
        },
        f"uvicorn {LISTEN} main:app",
    ),
    "panel": (
        "Panel",
        {"requirements.txt": "panel", "app.py": "import panel as pn\npn.panel('x').servable()\n"},
        "panel serve app.py --port {port} --address {host} '--allow-websocket-origin=*'",
    ),
    "panel in a notebook": (
        "Panel",
        {"requirements.txt": "panel", "a.ipynb": '{"source": ["import panel as pn"]}'},
        "panel serve a.ipynb --port {port} --address {host} '--allow-websocket-origin=*'",
    ),
    "bokeh": (
        "Bokeh",
        {"requirements.txt": "bokeh", "main.py": "from bokeh.io import curdoc\ncurdoc().add_root(1)\n"},
        "bokeh serve main.py --port {port} --address {host} '--allow-websocket-origin=*'",
    ),
    "shiny": ("Shiny", {"requirements.txt": "shiny", "app.py": SHINY}, f"shiny run {LISTEN} app:app"),
    "shiny in a folder": (
        "Shiny",
        {"requirements.txt": "shiny", "ui/app.py": "import helper\n" + SHINY, "ui/helper.py": ""},
        f"shiny run {LISTEN} --app-dir ui app:app",
    ),
    "shiny express": (
        "Shiny",
        {"requirements.txt": "shiny", "app.py": "from shiny.express import ui\nui.h1('x')\n"},
        f"shiny run {LISTEN} app.py",
    ),
    "chainlit": (
        "Chainlit",
        {
            "requirements.txt": "chainlit",
            "helper.py": "import chainlit as cl\n",
            "app.py": "import helper\nimport chainlit as cl\n",
        },
        f"chainlit run app.py --headless {LISTEN}",
    ),
    "marimo": (
        "marimo",
        {"requirements.txt": "marimo", "book.py": "import marimo\napp = marimo.App()\n"},
        f"marimo run book.py --headless {LISTEN} --no-token",
    ),
    "mesop": (
        "Mesop",
        {"requirements.txt": "mesop", "main.py": "import mesop as me\n@me.page(path='/')\ndef home(): me.text('x')\n"},
        "gunicorn --bind {host}:{port} --threads 8 main:me",
    ),
    "voila": (
        "Voilà",
        {"requirements.txt": "voila", "a.ipynb": '{"cells": []}'},
        "voila --no-browser --port={port} --Voila.ip={host} a.ipynb",
    ),
    "voila with several": (
        "Voilà",
        {"requirements.txt": "voila", "a.ipynb": '{"cells": []}', "b.ipynb": '{"cells": []}'},
        "voila --no-browser --port={port} --Voila.ip={host} .",
    ),
    "robyn": (
        "Robyn",
        {"requirements.txt": "robyn", "app.py": "from robyn import Robyn\napp = Robyn(__file__)\napp.start(port=8080)\n"},
        "ROBYN_HOST={host} ROBYN_PORT={port} python app.py",
    ),
    "nicegui that reads PORT": (
        "NiceGUI",
        {
            "requirements.txt": "nicegui",
            "main.py": "import os\nfrom nicegui import ui\nui.run(port=int(os.environ['PORT']))\n",
        },
        "python main.py",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_program_of_a_dashboard(tmp_path: Path, name: str) -> None:
    framework, files, command = CASES[name]
    one = best(tmp_path, files)
    assert (one.spec.framework, line(one)) == (framework, command)


@pytest.mark.parametrize(
    ("files", "entry"),
    [
        ({"charts.py": "import os", "board.py": ST}, "board.py"),
        ({"helpers.py": ST, "frontend/streamlit_app.py": "import streamlit as st\n"}, "frontend/streamlit_app.py"),
        ({"Home.py": ST, "pages/app.py": ST, "pages/1_More.py": ST}, "Home.py"),
        ({"1_Start.py": ST, "2_More.py": ST}, "1_Start.py"),
        ({"a_helper.py": DEFINES, "board.py": "import a_helper\n" + ST}, "board.py"),
        ({"a_helper.py": DEFINES, "viewer.py": ST}, "viewer.py"),
        ({"app.py": DEFINES, "viewer.py": "import app\n" + ST}, "viewer.py"),
        ({"src/app.py": ST, "src/utils.py": DEFINES}, "src/app.py"),
    ],
)
def test_streamlit_starts_the_file_that_draws_the_first_page(tmp_path: Path, files: dict[str, str], entry: str) -> None:
    one = best(tmp_path, {"requirements.txt": "streamlit", **files})
    assert line(one).startswith(f"streamlit run {entry} --server.port {{port}} --server.address {{host}} ")
    assert one.spec.health_path == "/_stcore/health"


def test_streamlit_is_asked_below_the_path_that_it_is_told(tmp_path: Path) -> None:
    config = "[server]\nport = 9999\nbaseUrlPath = 'tools/board/'\n"
    one = best(tmp_path, {"requirements.txt": "streamlit", "app.py": ST, ".streamlit/config.toml": config})
    assert one.spec.health_path == "/tools/board/_stcore/health"


def test_streamlit_that_is_imported_and_not_listed_is_added_and_said(tmp_path: Path) -> None:
    one = best(tmp_path, {"requirements.txt": "pandas", "app.py": ST})
    assert one.spec.install["add"] == ["streamlit"]
    assert "streamlit is added: list what the code imports in requirements.txt (app.py)" in remarks(tmp_path)


def test_dash_whose_layout_lies_beside_it_starts_with_the_layout(tmp_path: Path) -> None:
    layout = "from app import app, server\napp.layout = 1\nif __name__ == '__main__': app.run()\n"
    one = best(
        tmp_path, {"requirements.txt": "dash\ngunicorn", "app.py": DASH + "server = app.server\n", "index.py": layout}
    )
    assert line(one) == "gunicorn --bind {host}:{port} --threads 8 index:server"


def test_a_page_that_imports_from_the_top_finds_it(tmp_path: Path) -> None:
    files = {"requirements.txt": "streamlit", "shop/board.py": "from shop.data import x\n" + ST, "shop/data.py": "x = 1\n"}
    assert line(best(tmp_path, files)).startswith("PYTHONPATH=. streamlit run shop/board.py ")


@pytest.mark.parametrize(
    ("files", "port"),
    [
        ({"requirements.txt": "nicegui", "main.py": "from nicegui import ui\nui.run()\n"}, 8080),
        ({"requirements.txt": "nicegui", "main.py": "from nicegui import ui\nui.run(port=8090)\n"}, 8090),
        ({"requirements.txt": "gradio", "app.py": GRADIO + "demo.launch(server_port=7861)\n"}, 7861),
        ({"requirements.txt": "panel", "app.py": "import panel as pn\npn.serve(print, port=5007)\n"}, 5007),
    ],
)
def test_a_port_in_the_code_is_the_port(tmp_path: Path, files: dict[str, str], port: int) -> None:
    assert best(tmp_path, files).spec.port == port


def test_reflex_says_why_it_is_not_started(tmp_path: Path) -> None:
    detection = detect(
        make(
            tmp_path,
            {"requirements.txt": "reflex", "rxconfig.py": "import reflex as rx\n", "shop/shop.py": "import reflex as rx\n"},
        )
    )
    assert detection.best is None
    assert "Dockerfile" in detection.advice


@pytest.mark.parametrize(
    ("files", "frameworks"),
    [
        ({"main.py": FASTAPI, "dashboard.py": ST}, ["FastAPI", "Streamlit"]),
        ({"api.py": FASTAPI, "app.py": ST}, ["Streamlit", "FastAPI"]),
        ({"backend/main.py": FASTAPI, "frontend/app.py": ST}, ["Streamlit", "FastAPI"]),
    ],
)
def test_of_several_the_one_with_the_name_of_the_main_file_comes_first(
    tmp_path: Path, files: dict[str, str], frameworks: list[str]
) -> None:
    detection = detect(make(tmp_path, {"requirements.txt": "streamlit\nfastapi\nuvicorn\n", **files}))
    assert [one.spec.framework for one in detection.candidates] == frameworks


def test_gradio_is_started_by_the_program_that_launches_what_another_file_builds(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "gradio",
        "main.py": "from shown.page import Page\ndef main():\n    Page().launch()\nif __name__ == '__main__':\n    main()\n",
        "shown/page.py": "import gradio as gr\nclass Page:\n    def launch(self):\n        gr.Blocks().launch()\n",
    }
    assert line(best(tmp_path, files)).endswith(" python main.py")


SOLARA = "import solara\n@solara.component\ndef Page():\n    solara.Text('hi')\n"
TAIPY = "from taipy.gui import Gui\nif __name__ == '__main__':\n    Gui(page='# hi').run()\n"
FLET = "import flet as ft\ndef main(page): pass\nft.app(target=main)\n"


@pytest.mark.parametrize(
    ("listed", "text", "command", "packages"),
    [
        ("solara", SOLARA, "solara run main.py --host {host} --port {port} --production", []),
        ("taipy", TAIPY, "python main.py --host {host} --port {port} --no-debug --no-reloader", []),
        (
            "flet==0.25.2",
            FLET,
            "FLET_FORCE_WEB_SERVER=true FLET_SERVER_IP={host} FLET_SERVER_PORT={port} python main.py",
            ["flet-web==0.25.2"],
        ),
    ],
)
def test_other_dashboards_are_told_where_to_listen(
    tmp_path: Path, listed: str, text: str, command: str, packages: list[str]
) -> None:
    one = best(tmp_path, {"requirements.txt": listed, "main.py": text})
    assert (line(one), added(one)) == (command, packages)
