"""Options that say how an application runs and override what is detected; and the command ``detect``."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from fairway.cli.client import Client, part
from fairway.cli.failures import BadInput
from fairway.cli.output import Column, Json, answer, is_json, out, say, styled, table
from fairway.cli.sources import Archive, Git, Image, Ref, SourceOptions, body_of

PANEL = "How it runs (default: as detected)"
SAME = ("kind", "framework", "root", "build", "release", "port")  # these options have the names of the spec's keys
SPEC_NAMES = {**{name: name for name in SAME}, "start": "command"}
INSTALL = ("dockerfile", "publish", "python", "node")  # options that go into the spec's ``install``
TICK = 0.3  # seconds between two requests for an inspection


def _option(name: str, help: str, metavar: str = "TEXT") -> Any:
    return typer.Option(f"--{name}", metavar=metavar, help=help, rich_help_panel=PANEL)


Kind = Annotated[str | None, _option("kind", "What it is: python, node, static, program, dockerfile.", "KIND")]
Framework = Annotated[str | None, _option("framework", "Which of the frameworks that “fairway detect” lists.", "NAME")]
Root = Annotated[str | None, _option("root", "The folder of the source that contains the application.", "DIR")]
Dockerfile = Annotated[str | None, _option("dockerfile", "The Dockerfile to build from.", "FILE")]
Build = Annotated[str | None, _option("build", "What runs once the dependencies are installed.", "COMMAND")]
Start = Annotated[str | None, _option("start", "The start command; $PORT is the port to listen on.", "COMMAND")]
Release = Annotated[str | None, _option("release", "What runs once before each new version starts.", "COMMAND")]
Publish = Annotated[str | None, _option("publish", "The folder to serve, for a static site.", "DIR")]
Python = Annotated[str | None, _option("python", "The version of Python.", "VERSION")]
Node = Annotated[str | None, _option("node", "The version of Node.js.", "VERSION")]
PortNumber = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help="The port it listens on.", rich_help_panel=PANEL)
]
Health = Annotated[
    str | None,
    _option("health", "What must succeed before traffic is switched: a path, “tcp”, or a command.", "PATH|tcp|COMMAND"),
]
StartSeconds = Annotated[
    float | None,
    typer.Option(
        "--start-seconds", metavar="SECONDS", help="How long it may take to become ready.", rich_help_panel=PANEL, min=1
    ),
]
Memory = Annotated[str | None, _option("memory", "The most memory each instance may use, e.g. 512m or 1g.", "SIZE")]
Sticky = Annotated[str | None, _option("sticky", "Whether each visitor stays with one replica.", "on|off|auto")]
Volumes = Annotated[
    list[str] | None,
    typer.Option("--volume", metavar="NAME:/DIR", help="A folder whose files are kept; repeatable.", rich_help_panel=PANEL),
]
Services = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        metavar="NAME=COMMAND",
        help="A process that runs beside it, e.g. a worker; repeatable. An empty one takes those away that are detected.",
        rich_help_panel=PANEL,
    ),
]
REPEATED = {"volumes": "volume", "services": "service"}  # options that may be given several times
STICKY = {"on": True, "off": False, "auto": None}


@dataclass(frozen=True)
class RunOptions:
    """The given options: None means not given, an empty text restores what is detected."""

    kind: str | None = None
    framework: str | None = None
    root: str | None = None
    dockerfile: str | None = None
    build: str | None = None
    start: str | None = None
    release: str | None = None
    publish: str | None = None
    python: str | None = None
    node: str | None = None
    port: int | None = None
    health: str | None = None
    start_seconds: float | None = None
    memory: str | None = None
    sticky: str | None = None
    volumes: list[str] | None = None
    services: list[str] | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> RunOptions:
        """From a command's options, by the names of its parameters. Raises KeyError if the command lacks one."""
        return cls(**{one.name: options[REPEATED.get(one.name, one.name)] for one in fields(cls)})

    def spec(self) -> dict[str, Any]:
        """The given keys of the spec; None restores what is detected. Raises `BadInput`."""
        given: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {name: value or None for name, value in given.items() if value is not None}
        spec = {SPEC_NAMES[name]: value for name, value in given.items() if name in SPEC_NAMES}
        if self.health is not None:
            spec |= _health(self.health.strip())
        if self.start_seconds is not None:
            spec["start_seconds"] = self.start_seconds
        if self.memory is not None:
            spec["memory_bytes"] = _memory(self.memory)
        if self.sticky is not None:
            spec["sticky"] = _sticky(self.sticky)
        if self.volumes is not None:
            spec["volumes"] = [_volume(text) for text in self.volumes if text] or None
        if self.services is not None:
            spec["services"] = dict(_service(text) for text in self.services if text)
        install = {name: value for name, value in given.items() if name in INSTALL}
        return spec | ({"install": install} if install else {})


def _health(text: str) -> dict[str, Any]:
    """One of the three kinds of health checks; the others are taken away. A command is sent as it was typed."""
    kinds: dict[str, Any] = {"health_path": None, "health_command": None, "health_tcp": None}
    if not text:
        return kinds
    if text == "tcp":
        return kinds | {"health_tcp": True}
    return kinds | {"health_path" if text.startswith("/") and " " not in text else "health_command": text}


def _memory(text: str) -> int | None:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*([kmg]?)b?", text.strip(), re.IGNORECASE)
    if text.strip() and match is None:
        raise BadInput(f"--memory is “{text[:40]}”.", advice="Write a size, e.g. 512m or 1g.")
    return int(float(match[1]) * 1024 ** " kmg".index(match[2].lower() or " ")) if match else None


def _sticky(text: str) -> bool | None:
    if text not in STICKY:
        raise BadInput(f"--sticky is “{text[:40]}”.", advice=f"Write one of {', '.join(STICKY)}.")
    return STICKY[text]


def _volume(text: str) -> list[str]:
    name, colon, target = (one.strip() for one in text.partition(":"))
    if not colon:
        raise BadInput(f"--volume {text} is not NAME:/DIR.", advice="Write e.g. --volume uploads:/data.")
    return [name, target]


def _service(text: str) -> tuple[str, str]:
    name, sign, command = (one.strip() for one in text.partition("="))
    if not sign:
        raise BadInput(f"--service {text} is not NAME=COMMAND.", advice="Write e.g. --service 'worker=python worker.py'.")
    return name, command


def merged_spec(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The spec with the changes applied; keys that are None in them are removed, so that they are detected again."""
    install = _without_none({**(before.get("install") or {}), **changes.get("install", {})})
    return _without_none({**before, **changes, "install": install or None})


def save(client: Client, app: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Apply changes to an application's spec; returns the application."""
    before = client.get(f"/applications/{part(app)}")["spec"] or {}
    saved: dict[str, Any] = client.patch(
        f"/applications/{part(app)}", {"spec": merged_spec(before, changes)}, as_of=client.read_as_of
    )
    return saved


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def detect(
    image: Image = "",
    git: Git = "",
    path: Archive = None,
    ref: Ref = "",
    credential: Annotated[str, typer.Option(help="A stored credential, for private sources.")] = "",
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Say what a source is and how it would run. Nothing is deployed."""
    with Client() as client:
        source = body_of(client, SourceOptions(image, git, path, ref, credential), required=True) or {}
        one = client.post("/inspections", {"source": source | ({"folder": root} if root else {})})
        while one["status"] not in ("done", "failed"):
            time.sleep(TICK)
            one = client.get(f"/inspections/{one['id']}")
    if is_json():
        answer(one)
    else:
        _tell(one)
    if one["status"] == "failed" or not any(not way["problem"] for way in one["candidates"]):
        raise typer.Exit(1)


def _tell(one: dict[str, Any]) -> None:
    if one["sentence"]:
        say(one["sentence"], "failed")
    columns = [Column("What"), Column("Folder"), Column("Start command", wraps=True), Column("Why", wraps=True)]
    table(columns, [_row(way) for way in one["candidates"]], empty=one["advice"] or "")
    for way in one["candidates"]:
        if way["problem"]:
            say(f"{_name(way)}: {way['problem']}", "failed")
    taken: dict[str, Any] = next((way for way in one["candidates"] if not way["problem"]), {})
    for remark in [*one["remarks"], *taken.get("remarks", ())]:
        say(f"{remark['what']} ({remark['because']}).", "waiting")
    if sum(not way["problem"] for way in one["candidates"]) > 1:
        text = "The first one that the environment can run is used; choose another with --kind, --framework or --root."
        out().print(styled(text, "bright_black"))


def _row(way: dict[str, Any]) -> tuple[str, str, str, str]:
    spec = way["spec"]
    command = " ".join(spec["command"] or ()) or ("static files" if spec["kind"] == "static" else "")
    return (
        _name(way),
        "" if spec["root"] == "." else spec["root"],
        command,
        ", ".join(dict.fromkeys(finding["because"] for finding in way["findings"])),
    )


def _name(way: dict[str, Any]) -> str:
    return str(way["spec"]["framework"] or way["spec"]["kind"])
