"""A program whose port stands in its code listens where it is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fairway.drivers.builders.moved_port import MODULE, put_into
from tests.services.ports import free_port

LISTEN = """
import _socket, asyncio, socket, socketserver
def tell(own):  # the address as the kernel has it, and the port that the program is told
    print(_socket.socket.getsockname(own)[1], own.getsockname()[1])
def plain(address):
    with socket.socket() as own:
        own.bind(address)
        own.listen()
        tell(own)
        with socket.create_connection(("127.0.0.1", {port})) as client:
            print(_socket.socket.getpeername(client)[1], {port})
async def later():
    server = await asyncio.start_server(print, "127.0.0.1", {port})
    tell(server.sockets[0]._sock)
{body}
"""


@pytest.mark.parametrize(
    ("body", "moved"),
    [
        ("plain(('127.0.0.1', {port}))", 2),
        ("plain(('', {port}))", 2),
        ("asyncio.run(later())", 1),
        ("tell(socketserver.TCPServer(('localhost', {port}), None).socket)", 1),
    ],
)
def test_listening_on_the_port_in_the_code_listens_on_the_one_given(tmp_path: Path, body: str, moved: int) -> None:
    port, given = free_port(), free_port()
    put_into(environment(tmp_path), port)
    code = LISTEN.format(port=port, body=body.format(port=port))
    assert translate(tmp_path, code, PORT=str(given)) == [str(given), str(port)] * moved


def test_other_ports_stay(tmp_path: Path) -> None:
    put_into(environment(tmp_path), free_port())
    other = free_port()
    code = f"import socket\nown = socket.socket()\nown.bind(('', {other}))\nprint(own.getsockname()[1])\n"
    assert translate(tmp_path, code, PORT=str(free_port())) == [str(other)]


def test_what_listened_for_the_whole_world_listens_where_it_is_told(tmp_path: Path) -> None:
    port = free_port()
    put_into(environment(tmp_path), port)
    code = f"import socket\nown = socket.socket()\nown.bind(('0.0.0.0', {port}))\nprint(own.getsockname()[0])\n"
    assert translate(tmp_path, code, PORT=str(free_port()), HOST="127.0.0.1") == ["127.0.0.1"]


def test_without_a_port_nothing_is_moved(tmp_path: Path) -> None:
    port = free_port()
    put_into(environment(tmp_path), port)
    code = f"import socket\nown = socket.socket()\nown.bind(('', {port}))\nprint(own.getsockname()[1])\n"
    assert translate(tmp_path, code) == translate(tmp_path, code, PORT="none") == [str(port)]


def environment(place: Path) -> Path:
    """A virtual environment as the builder makes it, as far as this needs one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], check=True)
    return place / "venv"


def translate(place: Path, code: str, **variables: str) -> list[str]:
    found = subprocess.run(
        [str(place / "venv/bin/python"), "-c", code], env=variables, capture_output=True, text=True, timeout=60, check=True
    )
    assert MODULE not in found.stderr
    return found.stdout.split()
