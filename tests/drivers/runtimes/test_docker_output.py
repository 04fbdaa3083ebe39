"""From the frames of a container's log to lines: parts are put together, no last word is lost. No Engine."""

from __future__ import annotations

from fairway.drivers.runtimes.docker.output import LONGEST_LINE, lines_of

ONE, TWO = b"2026-11-29T02:00:00.000000001Z ", b"2026-11-29T02:00:00.000000002Z "
EURO = "€".encode()


def texts(*payloads: bytes) -> list[str]:
    return [line.text for _, line in lines_of(("stdout", payload) for payload in payloads)]


def test_a_character_that_two_parts_split_is_whole() -> None:
    assert texts(ONE + b"a " + EURO[:1], ONE + EURO[1:] + b" b\n") == ["a € b"]


def test_what_was_printed_last_is_there_without_a_newline() -> None:
    assert texts(ONE + b"starting\n", TWO + b"waiting for the database") == ["starting", "waiting for the database"]


def test_the_next_run_does_not_continue_the_line_of_the_last() -> None:
    assert texts(ONE + b"waiting", TWO + b"waiting\n") == ["waiting", "waiting"]


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    part = EURO * 5461  # nearly 16 KiB
    found = [line for _, line in lines_of(("stdout", ONE + part) for _ in range(18))]
    assert "".join(line.text for line in found) == "€" * 5461 * 18
    assert max(len(line.text.encode()) for line in found) <= LONGEST_LINE + len(part)
    assert [line.goes_on for line in found] == [True] * (len(found) - 1) + [False]


def test_streams_do_not_mix() -> None:
    frames = [("stdout", ONE + b"out "), ("stderr", TWO + b"err\n"), ("stdout", ONE + b"goes on\n")]
    assert [(line.stream, line.text) for _, line in lines_of(frames)] == [("stderr", "err"), ("stdout", "out goes on")]
