"""Live updates: nothing is missed, leaked or held. On a real file, with committed transactions and real threads."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from shutil import copy
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.asgi import get_asgi_application
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from fairway.accounts.commands import give_new_password, record_sign_in, set_active, set_roles
from fairway.accounts.models import User
from fairway.accounts.rules import SYSTEM, Actor, Role
from fairway.activity.commands import record
from fairway.activity.models import Event
from fairway.activity.queries import latest_number
from fairway.activity.rules import On
from fairway.applications.commands import create_application, save_configuration
from fairway.applications.models import Application
from fairway.deployments.commands import progress
from fairway.deployments.commands.placements import observe
from fairway.deployments.commands.requests import request_deployment
from fairway.deployments.models import Placement
from fairway.deployments.rules import Health
from fairway.drivers.runtimes.contract import InstanceSpec, NullProgress
from fairway.environments.commands import lock_environment
from fairway.environments.models import Environment
from fairway.environments.runtimes import runtime_of
from fairway.web import fanout
from fairway.web.fanout import FANOUT
from fairway.web.live import Streams
from fairway.web.tail import Tail
from tests.conftest import drop_event_triggers, make_artifact, make_environment, make_person
from tests.engine.conftest import connected_to
from tests.services.ports import free_port
from tests.services.postgres import postgres_server  # noqa: F401
from tests.services.sharing import shared
from tests.services.waiting import PATIENCE
from tests.web.conftest import finish, live


@pytest.fixture(scope="module")
def postgres_url(postgres_server) -> str:  # noqa: F811
    return postgres_server.create_with_tables("live")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path, django_db_blocker) -> Iterator[str]:
    """An empty database with committed transactions; yields its URL."""
    if request.param == "sqlite":
        copy(shared("tables")["file"], tmp_path / "live.sqlite3")
        url = f"sqlite://{tmp_path / 'live.sqlite3'}"
    else:
        url = request.getfixturevalue("postgres_url")
    with django_db_blocker.unblock(), connected_to(url):
        connections.settings["default"]["CONN_MAX_AGE"] = 0  # as config/asgi.py does
        if request.param == "postgresql":
            empty_all_tables()
        yield url


def empty_all_tables() -> None:
    """Events go too, once what keeps them is taken away."""
    drop_event_triggers()
    names = ", ".join(model._meta.db_table for model in apps.get_models(include_auto_created=True))
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")


@dataclass
class Message:
    event: str
    data: Any
    id: str = ""


class Viewer:
    """A browser's EventSource, spoken to the ASGI application itself."""

    def __init__(self, application: Any, path: str, cookie: str, headers: dict[str, str]) -> None:
        self._application, self._path, self._cookie, self._headers = application, path, cookie, headers
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._text = ""
        self.status = 0

    async def open(self) -> None:
        path, _, query = self._path.partition("?")
        given = {"host": "localhost", "cookie": self._cookie, **self._headers}
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "scheme": "http", "server": ("localhost", 8000), "client": ("127.0.0.1", 1),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }  # fmt: skip
        await self._said.put({"type": "http.request", "body": b"", "more_body": False})
        self.task = asyncio.create_task(self._application(scope, self._said.get, self._sent.put))
        start = await asyncio.wait_for(self._sent.get(), PATIENCE)
        self.status, self.headers = start["status"], dict(start["headers"])

    async def next(self) -> Message | None:
        """The next message; None when the stream ended."""
        while "\n\n" not in self._text:
            part = await asyncio.wait_for(self._sent.get(), PATIENCE)
            self._text += part.get("body", b"").decode()
            if not part.get("more_body"):
                return None
        block, _, self._text = self._text.partition("\n\n")
        fields = dict(line.partition(": ")[::2] for line in block.splitlines() if not line.startswith(":"))
        if "event" not in fields:
            return await self.next()
        return Message(fields["event"], json.loads(fields["data"]), fields.get("id", ""))

    async def until(self, event: str) -> Message:
        while (found := await self.next()) is not None:
            if found.event == event:
                return found
        raise AssertionError(f"the stream ended without {event}")

    async def close(self) -> None:
        await self._said.put({"type": "http.disconnect"})
        await asyncio.wait_for(self.task, PATIENCE)


def cookie_of(actor: Actor) -> str:
    client = Client()
    client.force_login(User.objects.get(pk=actor.id))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


@asynccontextmanager
async def watching(actor: Actor, path: str, application: Any = None, **headers: str) -> AsyncIterator[Viewer]:
    cookie = await doing(lambda: cookie_of(actor))
    viewer = Viewer(application or Streams(get_asgi_application()), path, cookie, headers)
    await viewer.open()
    assert viewer.status == 200, viewer.headers
    try:
        yield viewer
    finally:
        await viewer.close()


async def doing(work: Callable[[], Any]) -> Any:
    """Domain work in a thread of its own, as a request or a worker would do it."""

    def closing() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(closing)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test()
        for _ in range(100):  # whoever watched has left: the tail ends by itself
            if not any(thread.name == "fairway-live-tail" for thread in threading.enumerate()):
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the tail still runs although nobody watches")

    asyncio.run(whole())


def test_an_event_reaches_the_page_with_the_fragment_the_page_itself_shows(database):
    ada, staging = make_person("ada", Role.ADMIN), make_environment("staging")
    create_application(actor=SYSTEM, name="Hello", source_kind="image", source={"image": "registry.test/hello:1"})

    async def test() -> None:
        async with watching(ada, f"/live?topics=home:matrix,environment:staging:state&after={latest_number_here}") as page:
            assert page.status == 200
            assert page.headers[b"content-type"].startswith(b"text/event-stream")
            await page.until("hello")
            await doing(lambda: lock_environment(actor=ada, environment=staging, reason="Stocktaking"))
            found = {}
            while (message := await page.next()).event == "fragment":
                found[message.data["topic"]] = message.data["html"]
            assert message.event == "hello"
            assert int(message.id) == await doing(latest_number)
            assert "Stocktaking" in found["environment:staging:state"]
            assert 'id="home-matrix"' in found["home:matrix"]
            assert "csrf-token-of-the-viewer" not in "".join(found.values())
            assert 'name="csrfmiddlewaretoken"' in found["environment:staging:state"]

    latest_number_here = latest_number()
    run(test)


def test_coming_back_with_a_number_makes_up_for_what_was_missed(database):
    ada, staging = make_person("ada", Role.ADMIN), make_environment("staging")
    before = latest_number()
    lock_environment(actor=ada, environment=staging, reason="While you were away")

    async def test() -> None:
        headers = {"last-event-id": str(before)}
        async with watching(ada, "/live?topics=environment:staging:state&after=999999", **headers) as page:
            message = await page.next()
            assert message.event == "fragment"
            assert "While you were away" in message.data["html"]
            assert int((await page.until("hello")).id) == await doing(latest_number)

    run(test)


def test_what_is_made_up_for_never_covers_what_came_since(database, monkeypatch):
    """A page opens while things happen: what it missed is rendered beside the next round, and may be ready after it."""
    ada, staging = make_person("ada", Role.ADMIN), make_environment("staging")
    before = latest_number()
    lock_environment(actor=ada, environment=staging, reason="What was missed")
    draw, is_drawn, goes_on, calls = fanout.render, threading.Event(), threading.Event(), itertools.count()

    def slow_at_first(*given: Any) -> Any:
        drawn = draw(*given)
        if next(calls) == 0:
            is_drawn.set()
            assert goes_on.wait(PATIENCE)
        return drawn

    monkeypatch.setattr(fanout, "render", slow_at_first)

    async def test() -> None:
        async with watching(ada, f"/live?topics=environment:staging:state&after={before}") as page:
            assert await asyncio.to_thread(is_drawn.wait, PATIENCE)
            await doing(lambda: lock_environment(actor=ada, environment=staging, reason="What came since"))
            (stream,) = FANOUT._streams
            while not stream._box:
                await asyncio.sleep(0.01)
            goes_on.set()
            assert "What came since" in (await page.until("fragment")).data["html"]

    run(test)


def test_more_missed_events_than_are_looked_at_render_everything_again(database, monkeypatch):
    ada, staging = make_person("ada", Role.ADMIN), make_environment("staging")
    monkeypatch.setattr("fairway.web.fanout.MOST_MISSED", 2)
    for number in range(4):
        lock_environment(actor=ada, environment=staging, reason=f"Reason {number}")

    async def test() -> None:
        async with watching(ada, "/live?topics=environment:staging:state&after=0") as page:
            assert "Reason 3" in (await page.next()).data["html"]

    run(test)


def test_events_of_transactions_that_commit_out_of_order_are_all_told_once_and_in_order(database):
    """Sixteen writers, some slow to commit, some rolling back, while the tail reads all the time."""
    heard: list[int] = []
    started = threading.Event()
    tail = Tail(
        on_start=started.set,
        on_events=lambda events: heard.extend(event.pk for event in events),
        on_logs=lambda lengths: None,
        watched_logs=list,
    )
    tail.start()
    assert started.wait(PATIENCE)

    def write(writer: int) -> None:
        try:
            for number in range(8):
                try:
                    with transaction.atomic():
                        record(who=SYSTEM.who, verb="upload.stored", on=On("upload", number, f"{writer}"))
                        threading.Event().wait(0.002 * (writer % 3))
                        if (writer + number) % 5 == 0:
                            raise KeyError
                except KeyError:
                    continue
        finally:
            connections.close_all()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    written = list(Event.objects.order_by("pk").values_list("pk", flat=True))
    deadline = threading.Event()
    for _ in range(200):
        if len(heard) >= len(written):
            break
        deadline.wait(0.05)
    tail.ask_to_stop()
    tail.join()
    assert heard == written
    assert len(written) > 90


def test_a_person_hears_nothing_of_what_they_may_not_see(database):
    staging, production = make_environment("staging"), make_environment("production", position=30)
    vera, ada = make_person("vera", Role.VIEWER, environment=staging), make_person("ada", Role.ADMIN)

    async def test() -> None:
        topics = "environment:production:state,environment:staging:state,events,home:matrix,application:gone:recent"
        async with watching(vera, f"/live?topics={topics}") as page:
            stream = next(iter(FANOUT._streams))
            assert set(stream.topics) == {"environment:staging:state", "events", "home:matrix"}
            await FANOUT._ready.wait()
            await doing(lambda: lock_environment(actor=ada, environment=production, reason="Secret plans"))
            hidden = await doing(latest_number)
            await doing(lambda: lock_environment(actor=ada, environment=staging, reason="Open plans"))
            texts = []
            while (message := await page.next()).event != "hello" or int(message.id) <= hidden:
                texts.append(json.dumps(message.data))
                assert message.event != "hello", "the first thing heard is about the event one may see"
            assert any("Open plans" in text for text in texts)
            assert not any("Secret plans" in text or "roduction" in text for text in texts)

    run(test)


def test_the_stream_ends_when_its_person_is_shut_out(database):
    ada, vera = make_person("ada", Role.ADMIN), make_person("vera", Role.VIEWER)
    user = User.objects.get(pk=vera.id)

    async def test() -> None:
        async with watching(vera, "/live?topics=home:running") as page:
            await FANOUT._ready.wait()
            await doing(lambda: set_active(actor=ada, user=user, is_active=False))
            while await page.next() is not None:
                pass

    run(test)


def test_nobody_signed_in_is_sent_to_sign_in(database):
    make_person("ada", Role.ADMIN)

    async def test() -> None:
        viewer = Viewer(Streams(get_asgi_application()), "/live?topics=home:matrix", "", {})
        await viewer.open()
        assert viewer.status == 302
        assert b"/accounts/login/" in viewer.headers[b"Location"]
        await viewer.close()

    run(test)


def test_viewers_hold_neither_threads_nor_connections_and_share_one_rendering(database, monkeypatch):
    ada, staging = make_person("ada", Role.ADMIN), make_environment("staging")
    application = Streams(get_asgi_application())
    rendered: list[str] = []
    from fairway.web import fanout

    original = fanout.render
    monkeypatch.setattr(fanout, "render", lambda topic, *rest: rendered.append(topic.name) or original(topic, *rest))

    async def test() -> None:
        cookie = await doing(lambda: cookie_of(ada))
        before = threading.active_count()  # other tests of this process may have left some
        viewers = [Viewer(application, "/live?topics=environment:staging:state", cookie, {}) for _ in range(150)]
        for viewer in viewers:
            await viewer.open()
        await FANOUT._ready.wait()
        assert threading.active_count() < before + 30
        await doing(lambda: lock_environment(actor=ada, environment=staging, reason="Everybody"))
        for viewer in viewers:
            assert "Everybody" in (await viewer.until("fragment")).data["html"]
        assert rendered == ["environment:staging:state"]
        for viewer in viewers:
            await viewer.close()
        assert not FANOUT._streams

    run(test)


def test_all_streams_end_when_the_process_is_asked_to_stop(database):
    ada = make_person("ada", Role.ADMIN)
    application = Streams(get_asgi_application())

    async def test() -> None:
        async with watching(ada, "/live?topics=home:matrix", application) as page:
            threading.Thread(target=application.end_all).start()
            while await page.next() is not None:
                pass
            await asyncio.wait_for(page.task, PATIENCE)

    run(test)


def test_a_log_streams_line_by_line_and_says_when_it_is_complete(database):
    ada, staging = make_person("ada", Role.ADMIN), make_environment("staging")
    hello = create_application(actor=SYSTEM, name="Hello", source_kind="image", source={"image": "registry.test/hello:1"})
    one = request_deployment(actor=ada, application=hello, environment=staging, artifact=make_artifact(hello))
    progress.append_log(deployment_id=one.pk, lines=[(1, 1.5, "start", "stdout", "one"), (2, 2.5, "start", "stdout", "two")])

    async def test() -> None:
        async with watching(ada, f"/deployments/{one.pk}/log/stream?after=1") as page:
            first = await page.until("log")
            assert [line["text"] for line in first.data] == ["two"]
            assert first.data[0]["at"].startswith("1970-01-01T00:00:02.500")
            await doing(lambda: progress.append_log(deployment_id=one.pk, lines=[(3, 3.5, "check", "stderr", "three")]))
            second = await page.until("log")
            assert [line["n"] for line in second.data] == [3]
            assert second.id == "3"
            await doing(lambda: finish(one))
            assert (await page.next()).event == "complete"
            assert await page.next() is None

    run(test)


def test_a_log_of_an_ended_deployment_is_sent_whole_to_whoever_comes_late(database):
    ada, staging = make_person("ada", Role.ADMIN), make_environment("staging")
    hello = create_application(actor=SYSTEM, name="Hello", source_kind="image", source={"image": "registry.test/hello:1"})
    one = live(hello, staging)
    lines = [(number, float(number), "start", "stdout", f"line {number}") for number in range(1, 4501)]
    for first in range(0, 4500, 500):
        progress.append_log(deployment_id=one.pk, lines=lines[first : first + 500])

    async def test() -> None:
        async with watching(ada, f"/deployments/{one.pk}/log/stream") as page:
            numbers: list[int] = []
            while (message := await page.next()).event == "log":
                numbers += [line["n"] for line in message.data]
            assert message.event == "complete"
            assert numbers == list(range(1, 4501))

    run(test)


# --- what running instances print -------------------------------------------------------------------------------------


def running_instance(secret: str) -> tuple[Actor, Any, str]:
    """Something that runs on the fake runtime and was seen there by the reconciler."""
    ada, staging = make_person("ada", Role.ADMIN), make_environment("staging")
    hello = create_application(actor=SYSTEM, name="Hello", source_kind="image", source={"image": "registry.test/hello:1"})
    save_configuration(actor=ada, application=hello, environment=staging, secrets={"KEY": secret})
    one = live(hello, staging)
    runtime = runtime_of(staging)
    runtime.distribute(one.artifact.ref, None, NullProgress())
    spec = InstanceSpec("hello.staging", one.label, 0, one.artifact.ref)
    instance = runtime.ensure_started(spec, NullProgress())
    placement = Placement.objects.get()
    seen = [{"name": instance.name, "state": instance.state, "deployment": one.label, "replica": 0, "restarts": 0}]
    observe(placement=placement, health=Health.HEALTHY, drift=[], observed=seen)
    return ada, runtime, instance.name


def say(runtime: Any, name: str, *texts: str) -> None:
    with runtime.world.open() as world:
        for text in texts:
            world["instances"][name]["output"].append([datetime.now(UTC).isoformat(), "stdout", text])


def test_what_an_instance_prints_is_followed_masked_and_resumed(database):
    ada, runtime, name = running_instance("hush-hush-1")
    say(runtime, name, "before anybody looked")

    async def test() -> None:
        application = Streams(get_asgi_application())
        path = "/applications/hello/in/staging/log/stream"
        async with watching(ada, path, application) as page, watching(ada, path, application) as other:
            texts = [line["text"] for line in (await page.until("log")).data]
            assert texts[-1] == "before anybody looked"
            await doing(lambda: say(runtime, name, "the key is hush-hush-1"))
            message = await page.until("log")
            assert message.data[-1]["text"] == "the key is ••••"
            assert message.data[-1]["step"] == name
            while "the key is ••••" not in [line["text"] for line in (await other.until("log")).data]:
                pass
            assert sum(thread.name.startswith("fairway-follow-") for thread in threading.enumerate()) == 1
        await doing(lambda: say(runtime, name, "while away"))
        headers = {"last-event-id": message.id}
        async with watching(ada, path, application, **headers) as page:
            back = await page.until("log")
            assert [line["text"] for line in back.data] == ["while away"]
            assert back.data[0]["n"] == message.data[-1]["n"] + 1
            await doing(lambda: runtime.ensure_removed(name))
            assert (await page.next()).event == "complete"

    try:
        run(test)
    finally:
        runtime.ensure_removed(name)


def test_a_server_that_is_asked_to_stop_lets_viewers_go_at_once(database, tmp_path):
    """The real server, a real connection, a real SIGTERM."""
    ada = make_person("ada", Role.ADMIN)
    cookie = cookie_of(ada)
    port = free_port()
    environment = {
        **os.environ,
        "FAIRWAY_DATABASE_URL": database,
        "FAIRWAY_DATA": str(settings.DATA.path),
        "DJANGO_SETTINGS_MODULE": "fairway.config.settings",
    }
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "fairway.config.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        with contextlib.closing(connected_when_ready(port)) as line:
            request = f"GET /live?topics=home:matrix HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookie}\r\n\r\n"
            line.sendall(request.encode())
            received = b""
            while b"retry: " not in received:
                part = line.recv(4096)
                assert part, received
                received += part
            assert b"text/event-stream" in received
            server.terminate()
            assert server.wait(PATIENCE) in {0, -signal.SIGTERM}
    finally:
        server.kill()
        output = server.communicate()[0].decode()
    assert "Traceback" not in output, output


def connected_when_ready(port: int) -> socket.socket:
    last: OSError | None = None
    for _ in range(400):
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except OSError as problem:
            last = problem
            threading.Event().wait(0.05)
    raise AssertionError(f"the server never listened: {last}")


# --- streams end with what lets their viewer in --------------------------------------------------------------------------

STREAMS = ("/live?topics=home:matrix", "/deployments/{number}/log/stream", "/applications/hello/in/staging/log/stream")


def shut_out(ada: Actor, vera: Actor) -> None:
    set_active(actor=ada, user=User.objects.get(pk=vera.id), is_active=False)


def new_password(ada: Actor, vera: Actor) -> None:
    give_new_password(actor=ada, username="vera")


def signed_out(ada: Actor, vera: Actor) -> None:
    """By whichever browser: this one's session is gone, and the event says that it was."""
    Session.objects.all().delete()
    record_signed_out(vera)


@transaction.atomic
def record_signed_out(vera: Actor) -> None:
    record_sign_in(who=vera.who, signed_in=False)


def all_roles_removed(ada: Actor, vera: Actor) -> None:
    set_roles(actor=ada, user=User.objects.get(pk=vera.id), grants=[])


def session_over_without_a_word(ada: Actor, vera: Actor) -> None:
    Session.objects.update(expire_date=timezone.now())


ENDINGS = (shut_out, new_password, signed_out, all_roles_removed, session_over_without_a_word)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda one: one.__name__)
def test_every_kind_of_stream_ends_with_its_viewers_way_in(database, monkeypatch, ending):
    """By the event, or by the look that is taken every few seconds; here that is the only way where there is no event."""
    monkeypatch.setattr("fairway.web.fanout.CHECK_EVERY", 0.2 if ending is session_over_without_a_word else 3600.0)
    ada, runtime, name = running_instance("hush-hush-2")
    vera = make_person("vera", Role.VIEWER)
    hello = Application.objects.get()
    made = request_deployment(
        actor=ada, application=hello, environment=Environment.objects.get(), artifact=make_artifact(hello)
    )
    logs = STREAMS[1:] if ending is all_roles_removed else STREAMS  # a page without roles stays open, and empty

    async def test() -> None:
        async with AsyncExitStack() as stack:
            cookie = await doing(lambda: cookie_of(vera))
            pages = []
            for path in logs:
                page = Viewer(Streams(get_asgi_application()), path.format(number=made.pk), cookie, {})
                await page.open()
                assert page.status == 200
                stack.push_async_callback(page.close)
                pages.append(page)
            await FANOUT._ready.wait()
            await doing(lambda: ending(ada, vera))
            for page in pages:
                while await page.next() is not None:
                    pass
            await doing(lambda: say(runtime, name, "nobody hears this"))

    run(test)


def test_a_log_goes_on_for_those_who_may_still_see_it(database):
    ada, _runtime, _name = running_instance("hush-hush-3")
    vera, staging = make_person("vera", Role.VIEWER, Role.DEPLOYER), Environment.objects.get()
    hello = Application.objects.get()
    one = request_deployment(actor=ada, application=hello, environment=staging, artifact=make_artifact(hello))

    async def test() -> None:
        async with watching(vera, f"/deployments/{one.pk}/log/stream") as page:
            await FANOUT._ready.wait()
            grants = [("viewer", staging.pk, None)]
            await doing(lambda: set_roles(actor=ada, user=User.objects.get(pk=vera.id), grants=grants))
            line = (1, 1.5, "start", "stdout", "still here")
            await doing(lambda: progress.append_log(deployment_id=one.pk, lines=[line]))
            assert [found["text"] for found in (await page.until("log")).data] == ["still here"]

    run(test)
