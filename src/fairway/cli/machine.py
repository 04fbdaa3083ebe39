"""Commands for this machine's Fairway: up, down, status, doctor, demo. They start processes and use HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

DEFAULT_DATA = "~/.local/share/fairway"
Data = Annotated[Path, typer.Option("--data", envvar="FAIRWAY_DATA", help="The data directory; everything is stored in it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def up(
    data: Data = Path(DEFAULT_DATA),
    port: Annotated[int, typer.Option(help="The address of the web interface and the API.")] = 8000,
    proxy_port: Annotated[int, typer.Option(help="The address at which applications are served.")] = 8080,
    bind: Annotated[str, typer.Option(help="The address that the web interface and the API listen on.")] = "127.0.0.1",
    demo_data: Annotated[bool, typer.Option("--demo", help="Start with demo data.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it responds.")] = False,
    web: Annotated[int, typer.Option(min=0, max=32, help="How many web processes share the port.")] = 1,
    workers: Annotated[int, typer.Option(min=0, max=32, help="How many workers to run.")] = 1,
    move_here: Annotated[
        bool, typer.Option("--move-here", help="The old data directory is lost; use this one from now on.")
    ] = False,
) -> None:
    """Start Fairway: pages, API, worker and proxy. Ctrl-C stops it and the applications of this machine."""
    if not web + workers:
        raise typer.BadParameter("there must be a web process or a worker", param_hint="--web, --workers")
    arguments = _up_arguments(data, port, proxy_port, bind, demo_data)
    arguments += ["--web", str(web), "--workers", str(workers), *(["--move-here"] if move_here else [])]
    if not detach:
        sys.stdout.write(f"Fairway starts at http://localhost:{port} (data in {_absolute(data)}). Ctrl-C stops it.\n")
        sys.stdout.flush()
        if demo_data:  # in a second process, because this one becomes the supervisor
            subprocess.Popen([sys.executable, "-m", "fairway.cli.main", "seed-demo", "--data", str(_absolute(data))])
        os.execv(sys.executable, arguments)
    facts = _start_detached(arguments, data)
    _say(f"Fairway runs at {_pages_at(facts)} (process {facts['pid']}).")
    if facts.get("first_link"):
        _say(f"First administrator: {facts['first_link']}")
    if demo_data:
        tell_demo_people(data)
        seed_demo(data)


def seed_demo(data: Data = Path(DEFAULT_DATA)) -> None:
    """Create the demo's release as soon as Fairway answers. Does nothing without demo people, or if the process that
    started this has ended because Fairway could not start."""
    parent = os.getppid()
    with contextlib.suppress(KeyboardInterrupt):
        _wait(lambda: os.getppid() != parent or ((found := _facts(data)) is not None and _is_ready(found)), seconds=60)
        facts, sign_in = _facts(data), _sign_in(data)
        if os.getppid() == parent and facts is not None and sign_in.exists():
            _seed_release(f"http://localhost:{facts['port']}", json.loads(sign_in.read_text())["token"])


def tell_demo_people(data: Path) -> None:
    """Print how to sign in to a demo; the passwords only the first time."""
    if _sign_in(data).exists():
        _print_people(_handed_over(data)[1], data)


def down(
    data: Data = Path(DEFAULT_DATA),
    keep_applications: Annotated[
        bool, typer.Option("--keep-applications", help="Stop the control plane only; applications keep serving.")
    ] = False,
) -> None:
    """Stop Fairway on this machine, with its applications and proxy. Data and volumes stay."""
    running = _running(data)
    if not running:
        _say("Fairway is not running here.")
        return
    for facts in running:
        os.kill(facts["pid"], signal.SIGTERM if keep_applications else signal.SIGINT)
    if not _wait(lambda: not _running(data), seconds=60):
        pids = ", ".join(str(facts["pid"]) for facts in _running(data))
        _fail(f"It has not stopped within 60 s; look at {_absolute(data) / 'logs' / 'fairway.log'} (process {pids}).")
    _say("Stopped." if not keep_applications else "The control plane has stopped; applications keep serving.")


def status(data: Data = Path(DEFAULT_DATA), as_json: Json = False) -> None:
    """Whether Fairway runs here. Exit code 0 when it answers, 1 when not."""
    facts = _facts(data)
    answers = facts is not None and _is_ready(facts)
    if as_json:
        _say(json.dumps({"is_running": facts is not None, "answers": answers, **(facts or {})}))
    elif facts is None:
        _say(f"Fairway does not run with the data in {_absolute(data)}. Start it with: fairway up")
    else:
        word = "answers" if answers else "is not responding"
        _say(f"Fairway {word} at {_pages_at(facts)}; applications at port {facts['proxy_port']}.")
        if facts.get("first_link"):
            _say(f"The first administrator's link, which works once: {facts['first_link']}")
    raise typer.Exit(0 if answers else 1)


def doctor(
    data: Data = Path(DEFAULT_DATA),
    security: Annotated[
        bool, typer.Option("--security", help="Look at security instead, as “fairway security” does.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at this machine: what Fairway can use here, what is missing and how to get it. Exit code 1 for a real problem."""
    environment = {**os.environ, "FAIRWAY_DATA": str(_absolute(data))}
    if security:
        _look_at_security({**_variables_of_running(data), "FAIRWAY_DATA": str(_absolute(data))}, as_json)
    done = subprocess.run(
        [sys.executable, "-m", "fairway.config.doctor"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        _fail(f"The check itself failed: {done.stderr.strip()[-500:]}")
    findings: list[dict[str, str]] = json.loads(done.stdout)
    if as_json:
        _say(json.dumps(findings, indent=2))
    else:
        _print_findings(findings)
    raise typer.Exit(1 if any(finding["state"] == "bad" for finding in findings) else 0)


def _variables_of_running(data: Path) -> dict[str, str]:
    """The environment with the variables that Fairway was started with; those of this shell if it does not run here."""
    facts = _facts(data)
    if facts is None:
        return dict(os.environ)
    try:
        content = Path(f"/proc/{facts['pid']}/environ").read_bytes()
    except OSError:
        sys.stderr.write("The variables of the running Fairway cannot be read; those of this shell are used.\n")
        return dict(os.environ)
    pairs = (os.fsdecode(one).partition("=") for one in content.split(b"\0") if one)
    started = {name: value for name, _, value in pairs if name.startswith(("FAIRWAY_", "PG"))}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAIRWAY_", "PG"))}
    return kept | started


def _look_at_security(environment: dict[str, str], as_json: bool) -> NoReturn:
    """Print the checks of this machine's Fairway; exit with 1 if something is weak."""
    from fairway.cli.security import print_checks

    command = [sys.executable, "-m", "fairway.config.security"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)  # it said why on stderr
    found = json.loads(done.stdout)
    if as_json:
        _say(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        print_checks(found)
    raise typer.Exit(1 if found["weak"] else 0)


def rotate_keys(data: Data = Path(DEFAULT_DATA)) -> None:
    """Seal every stored secret with a new key. Only while the control plane does not run."""
    environment = {**os.environ, "FAIRWAY_DATA": str(_absolute(data))}
    done = subprocess.run([sys.executable, "-m", "fairway.config.keys"], env=environment, check=False)
    raise typer.Exit(done.returncode)


def new_password(
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Whose password to replace.")],
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Give a person of this machine's Fairway a generated password and print it, once. Their sessions end."""
    environment = {**os.environ, "FAIRWAY_DATA": str(_absolute(data))}
    command = [sys.executable, "-m", "fairway.config.passwords", username]
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


def reset_two_step(
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Who lost their phone.")],
    data: Data = Path(DEFAULT_DATA),
) -> None:
    """Turn two-step sign-in off for a person of this machine's Fairway. Their sessions end."""
    environment = {**os.environ, "FAIRWAY_DATA": str(_absolute(data))}
    command = [sys.executable, "-m", "fairway.config.two_step", username]
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


def demo(
    data: Data = Path(".demo"),
    example: Annotated[Path, typer.Option(help="The folder to deploy.")] = Path("examples/flask"),
    port: Annotated[int, typer.Option(help="0 means a free port, 8000 if possible.")] = 0,
    proxy_port: Annotated[int, typer.Option(help="0 means a free port, 8080 if possible.")] = 0,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once the example responds.")] = False,
) -> None:
    """Start Fairway with demo data, deploy an example through the public API, and print its live URL."""
    began = time.monotonic()
    facts = _facts(data) or _start_detached(
        _up_arguments(data, port or _free_port(8000), proxy_port or _free_port(8080), "127.0.0.1", True), data
    )
    sign_in, passwords = _handed_over(data)
    server = f"http://localhost:{facts['port']}"
    environment = {**os.environ, "FAIRWAY_URL": server, "FAIRWAY_TOKEN": sign_in["token"]}
    command = [sys.executable, "-m", "fairway.cli.main", "deploy", "hello", "--path", str(example), "--env", "development"]
    code = subprocess.run([*command, "--reason", "make demo"], env=environment, check=False).returncode
    url = f"http://hello.development.localhost:{facts['proxy_port']}"
    if code == 0 and not _wait(lambda: _serves(facts["proxy_port"], "hello.development.localhost"), seconds=10):
        code = 1
    if code:
        _say(f"The example did not go live. The log: {_absolute(data) / 'logs' / 'fairway.log'}")
    else:
        _print_summary(url, server, time.monotonic() - began)
    _print_people(passwords, data)
    if not code:
        _seed_release(server, sign_in["token"])
    if detach:
        raise typer.Exit(code)
    _stay(data, code)


def _seed_release(server: str, token: str) -> None:
    """Create the demo's release unless it exists."""
    from fairway.cli.account import Account
    from fairway.cli.demo_release import NAME, VERSION, seed

    began = time.monotonic()
    if seed(Account(server, token), _say):
        _say(f"  Release      {server}/releases/  {NAME} {VERSION}, {time.monotonic() - began:.0f} s")


def _stay(data: Path, code: int) -> None:
    _say("\nCtrl-C stops everything.")
    with contextlib.suppress(KeyboardInterrupt):
        while _facts(data) is not None:
            time.sleep(0.5)
    _say("\nStopping …")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    down(data)
    raise typer.Exit(code)


def _print_summary(url: str, server: str, seconds: float) -> None:
    _say("")
    _say(f"  Live         {url}")
    _say(f"  Fairway      {server}")
    _say(f"  Took         {seconds:.1f} s")


def _print_people(passwords: dict[str, str], data: Path) -> None:
    if not passwords:
        _say(f"  Sign in      as before. To set a new password, run: fairway new-password admin --data {data}")
        return
    for number, (username, password) in enumerate(passwords.items()):
        _say(f"  {'' if number else 'Sign in':<12} {username:<8}  /  {password}")
    _say(f"  {'':<12} These passwords are shown only once. To set a new one, run: fairway new-password NAME --data {data}")


def _sign_in(data: Path) -> Path:
    """The file with a demo's passwords; it does not exist if this is no demo."""
    return _absolute(data) / "demo" / "sign-in.json"


def _handed_over(data: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The demo's sign-in, and the passwords unless they were shown before; they are removed from the file, so that they
    are not stored in clear any more."""
    place = _sign_in(data)
    found: dict[str, Any] = json.loads(place.read_text())
    passwords: dict[str, str] = found.pop("people", {})
    if found.pop("password", None) is not None:
        draft = place.with_suffix(".draft")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(found, file)
        draft.replace(place)
    return found, passwords


def _print_findings(findings: list[dict[str, str]]) -> None:
    from rich.console import Console

    marks = {"good": "[green]✓[/]", "note": "[yellow]○[/]", "bad": "[red]✗[/]"}
    console = Console(highlight=False)
    width = max(len(finding["what"]) for finding in findings)
    for finding in findings:
        console.print(f"{marks[finding['state']]} {finding['what']:<{width}}  ", end="")
        console.print(finding["sentence"], markup=False)


def _up_arguments(data: Path, port: int, proxy_port: int, bind: str, is_demo: bool) -> list[str]:
    arguments = [sys.executable, "-m", "fairway.config.up", "--data", str(_absolute(data))]
    arguments += ["--port", str(port), "--proxy-port", str(proxy_port), "--bind", bind]
    return [*arguments, "--demo"] if is_demo else arguments


def _start_detached(arguments: list[str], data: Path) -> dict[str, Any]:
    """Start Fairway in a session of its own and wait until it answers; exits with 1 and the end of its log if it does
    not."""
    folder = _absolute(data) / "logs"
    folder.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    log = folder / "fairway.log"
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        start = log.stat().st_size
        child = subprocess.Popen(
            arguments,
            env={**os.environ, "FAIRWAY_LOG_FILE": str(log.absolute())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
        )
    found: dict[str, Any] | None = None

    def is_up() -> bool:
        nonlocal found
        found = next((facts for facts in _running(data) if facts["pid"] == child.pid), None)
        return child.poll() is not None or (found is not None and _is_ready(found))

    if not _wait(is_up, seconds=60) or child.poll() is not None or found is None:
        with open(log, "rb") as said:
            said.seek(start)
            tail = said.read().decode(errors="replace").strip()
        _fail(f"Fairway did not start.\n{tail[-2000:]}")
    child.returncode = 0  # it keeps running; suppresses subprocess's warning
    assert found is not None
    return found


def _pages_at(facts: dict[str, Any]) -> str:
    """The address at which people reach the pages."""
    return str(facts.get("url") or f"http://localhost:{facts['port']}")


def _is_ready(facts: dict[str, Any]) -> bool:
    return facts["state"] == "running" and (not facts["webs"] or _answers(facts["port"]))


def _absolute(data: Path) -> Path:
    return data.expanduser().absolute()


def _facts(data: Path) -> dict[str, Any] | None:
    """The facts in the run file of the running supervisor, of the one with workers if there are several; None if none
    runs."""
    return next(iter(_running(data)), None)


def _running(data: Path) -> list[dict[str, Any]]:
    """The facts of every running supervisor with this data directory, the one with workers first."""
    found = []
    folder = _absolute(data) / "run"
    for place in (folder / "fairway.json", *folder.glob("web-*.json")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            facts: dict[str, Any] = {"workers": 1, "webs": 1, **json.loads(place.read_text())}
            is_supervisor = "pid" in facts  # the folder contains other files, too
            if is_supervisor and facts.get("host", socket.gethostname()) == socket.gethostname():
                _refuse_others(facts["pid"], data)
                found.append(facts)
    return sorted(found, key=lambda facts: (not facts["workers"], facts["port"]))


def _refuse_others(pid: int, data: Path) -> None:
    """Exit if the process belongs to another account. Raises ProcessLookupError if it does not exist."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        _fail(f"{_absolute(data)} belongs to another user.")


def _answers(port: int) -> bool:
    return _status(port, "localhost", "/api/v1/health") == 200


def _serves(port: int, host: str) -> bool:
    code = _status(port, host, "/")
    return code is not None and code < 500


def _status(port: int, host: str, path: str) -> int | None:
    """The status of a GET request to this machine, whatever the host name resolves to; None if nothing answers."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                trial.bind(("127.0.0.1", port))
                return int(trial.getsockname()[1])
    _fail("No port is free on this machine.")
    raise AssertionError


def _wait(condition: Any, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return bool(condition())


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fail(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    raise typer.Exit(1)
