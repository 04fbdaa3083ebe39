"""An application whose answers take time: what deployments under load are tried with. Plain standard library.

/          which deployment answers             /slow?s=5  the same after 5 seconds (any path with ?s= waits)
/socket    a websocket: says which deployment it reached, and nothing more until it is closed
READY_AFTER=2 opens the port after 2 seconds.
TERM closes the websockets properly (1001, going away) and lets requests in flight end; then it exits with code 0.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import signal
from urllib.parse import parse_qs, urlsplit

VERSION = os.environ.get("FAIRWAY_DEPLOYMENT", "0").encode()
ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
GOING_AWAY = b"\x88\x02\x03\xe9"  # a close frame with code 1001
FAREWELL = 2.0  # seconds a visitor may take to answer a close frame

sockets: set[asyncio.StreamWriter] = set()
in_flight = 0


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))
            }
            if headers.get("upgrade", "").lower() == "websocket":
                await hold(reader, writer, headers["sec-websocket-key"])
                return
            await answer(writer, head.split(" ", 2)[1])
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def answer(writer: asyncio.StreamWriter, target: str) -> None:
    global in_flight
    in_flight += 1
    try:
        asked = parse_qs(urlsplit(target).query)
        if "s" in asked:
            await asyncio.sleep(float(asked["s"][0]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(VERSION), VERSION))
        await writer.drain()
    finally:
        in_flight -= 1


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
    proof = base64.b64encode(hashlib.sha1((key + ACCEPT).encode()).digest()).decode()
    upgrade = (
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {proof}"
    )
    writer.write(upgrade.encode() + b"\r\n\r\n" + bytes([0x81, len(VERSION)]) + VERSION)
    sockets.add(writer)
    try:
        while await reader.read(4096):  # the visitor's own close frame, or the end
            break
    finally:
        sockets.discard(writer)


async def serve() -> None:
    await asyncio.sleep(float(os.environ.get("READY_AFTER", "0")))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    host, port = os.environ.get("HOST", "0.0.0.0"), int(os.environ["PORT"])
    server = await asyncio.start_server(converse, host, port, backlog=512)
    await ended.wait()
    server.close()
    for writer in sockets:
        writer.write(GOING_AWAY)
    until = asyncio.get_running_loop().time() + FAREWELL
    while in_flight or (sockets and asyncio.get_running_loop().time() < until):
        await asyncio.sleep(0.02)


asyncio.run(serve())
