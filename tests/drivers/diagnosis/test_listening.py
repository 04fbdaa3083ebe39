"""Where programs listen is read from the kernel; what keeps visitors away is said with what to do."""

from __future__ import annotations

import os
import socket

import pytest

from fairway.drivers.diagnosis.listening import Listener, complaint, of_network, of_processes


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_socket_of_a_process_is_found(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]
        found = {(one.address, one.port) for one in of_processes([os.getpid()])}
        everybody = {(one.address, one.port) for one in of_network(os.getpid())}
    assert (address, port) in found
    assert (address, port) in everybody
    assert (address, port) not in {(one.address, one.port) for one in of_processes([os.getpid()])}


def test_of_a_process_that_is_gone_nothing_is_said() -> None:
    assert of_processes([2**22 + 1]) == ()


SHARED, ALONE = False, True


@pytest.mark.parametrize(
    ("listeners", "is_alone", "words"),
    [
        ([Listener("127.0.0.1", 5000, "python3")], SHARED, "on port 5000 (python3), not on 8991 (PORT)"),
        ([Listener("127.0.0.1", 5000, "python3")], SHARED, "{port} into the start command"),
        ([Listener("0.0.0.0", 5000)], ALONE, "set the application's port to 5000"),
        ([Listener("0.0.0.0", 5000), Listener("0.0.0.0", 5001)], ALONE, "on ports 5000, 5001, not on 8991"),
        ([Listener("::1", 8991)], SHARED, "on [::1]:8991 only, and is asked on 127.0.0.1"),
        ([Listener("10.0.0.3", 8991)], SHARED, "on 10.0.0.3:8991 only"),
        ([Listener("127.0.0.1", 8991)], ALONE, "let it listen on 0.0.0.0"),
        ([Listener("::1", 8991)], ALONE, "let it listen on 0.0.0.0"),
    ],
)
def test_what_keeps_visitors_away_is_said(listeners: list[Listener], is_alone: bool, words: str) -> None:
    assert words in complaint(listeners, 8991, is_alone=is_alone)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "127.0.0.1", "::ffff:127.0.0.1"])
def test_who_is_reached_has_nothing_said_of_them(address: str) -> None:
    assert complaint([Listener(address, 8991)], 8991, is_alone=False) == ""


def test_where_nothing_listens_nothing_is_said() -> None:
    assert complaint([], 8991, is_alone=True) == ""
