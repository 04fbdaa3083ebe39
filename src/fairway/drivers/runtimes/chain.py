"""Runs the programs of a command one after another. The last one replaces this process, so that none of ours remains.

Uses only few modules of the standard library: the shim of the process runtime imports this file by its path, and generated
images contain a copy, which is run as ``python3 -I -S -E chain.py JSON``. Each step is an object with ``argv``,
``variables``, ``folder`` (relative to our working folder), ``may_fail`` and ``text`` (see `steps`).
"""

import contextlib
import os
import signal
import sys

TYPE_CHECKING = False  # defined here, so that typing need not be imported
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
BEGUN, BROKEN = b"#", b"!"  # messages: “#1\n”, the second program runs; “!1\n”, it failed, and no other follows


def follow(
    steps: "list[dict[str, Any]]",
    environment: "dict[str, str]",
    *,
    tell: int = -1,
    forwards: bool = False,
    prepare: "Callable[[], object]" = bool,
) -> None:
    """Run all steps but the last, and become the last. Never returns.

    `tell` is a descriptor to which the number of the running program is written. With `forwards`, TERM is passed on to the
    program that runs; without, the sender must send it to the whole group. `prepare` is called in each child before it
    executes its program.
    """
    top = os.getcwd()
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    for number, step in enumerate(steps[:-1]):
        say(tell, BEGUN, number)
        code, ended_by = run(step, environment, top, forwards, prepare)
        if ended_by:
            leave(ended_by)
        if code and not step["may_fail"]:
            say(tell, BROKEN, number)
            log_error(f"“{step['text']}” ended with code {code}, so “{steps[-1]['text']}” is not started.")
            os._exit(code)
    become(steps[-1], environment, top)


def run(
    step: "dict[str, Any]", environment: "dict[str, str]", top: str, forwards: bool, prepare: "Callable[[], object]"
) -> "tuple[int, int]":
    """Run one program. Returns (its exit code, 0), or (…, the signal) if we received a signal to end meanwhile and it has
    ended."""
    ours, ended_by = os.getpid(), 0
    pid = os.fork()
    if pid == 0:
        prepare()
        if os.getppid() == ours:
            become(step, environment, top)
        os._exit(126)
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return (code if code >= 0 else 128 - code), ended_by
        received = signal.sigwait(HEARD)
        if received != signal.SIGCHLD:
            ended_by = int(received)
            if forwards:
                os.kill(pid, received)


def become(step: "dict[str, Any]", environment: "dict[str, str]", top: str) -> None:
    """Execute a program in this process. Never returns: if it cannot be started, print why, and exit with 127."""
    try:
        os.chdir(os.path.join(top, step["folder"]))
    except OSError:
        log_error(f"“{step['text']}” could not be started: there is no folder “{step['folder']}”.")
        os._exit(127)
    try:
        for number in HEARD:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)  # a TERM that arrived meanwhile ends us here
        variables = {**environment, **step["variables"]}
        os.execvpe(step.get("program") or step["argv"][0], step["argv"], variables)  # noqa: S606 -- no shell is the point
    except Exception as error:  # every error, because nobody else could report it
        log_error(f"“{step['text']}” could not be started: {why(error)}.")
    finally:
        os._exit(127)


def why(error: Exception) -> str:
    """The kernel's error, in words for the person who wrote the command."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return "the program was not found in the application or on this machine"
    if isinstance(error, PermissionError):
        return "the file is not marked executable (chmod +x)"
    return getattr(error, "strerror", None) or str(error)


def leave(number: int) -> None:
    """End by the signal that we received."""
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # a signal that the first process of a container sends itself does not end it


def keep_only(descriptor: int) -> None:
    """Close the descriptors that an executed program would not inherit, except this one: the pipes and locks of our
    parent."""
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            if number not in (0, 1, 2, descriptor) and not os.get_inheritable(number):
                os.close(number)
        except OSError:  # the descriptor of this listing is closed already
            pass


def say(tell: int, mark: bytes, number: int) -> None:
    if tell >= 0:
        with contextlib.suppress(OSError):
            os.write(tell, b"%s%d\n" % (mark, number))


def log_error(sentence: str) -> None:
    os.write(2, f"{sentence}\n".encode())


if __name__ == "__main__":
    import json

    follow(json.loads(sys.argv[1]), dict(os.environ), forwards=True)
