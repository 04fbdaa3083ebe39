"""What applications can ask a test: ports of this machine, because behind the walls they see no file of a test's."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from tests.services.ports import free_port

IS_CLOSED = """
import socket, time


def is_closed(port):
    try:
        socket.create_connection(("127.0.0.1", int(port)), 5).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        pass
    return True
"""  # the source of a function, for the programs that wait
WAIT = f"{IS_CLOSED}\n\nwhile is_closed({{port}}):\n    time.sleep(0.05)\n"


class Gate:
    """Closed until `open` is called, or its ``with`` is left; `port` answers as long. `wait` is the beginning of a program
    that waits for that."""

    def __init__(self, *, is_closed: bool = True) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", free_port()))
        self.port = int(self._listener.getsockname()[1])
        self.wait = WAIT.format(port=self.port)
        if is_closed:
            self.close()

    def close(self) -> None:
        self._listener.listen(128)

    def open(self) -> None:
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.open()


NEED = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", {port}), 30).close()
except OSError:
    sys.exit("no ship is in")
"""


class Ship:
    """Out until it `comes_in`. `need` is the beginning of a program that ends with an error while it is out."""

    def __init__(self) -> None:
        self._berth = socket.socket()
        self._berth.bind(("127.0.0.1", free_port()))
        self.need = NEED.format(port=self._berth.getsockname()[1])

    def comes_in(self) -> None:
        self._berth.listen(128)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._berth.close()
