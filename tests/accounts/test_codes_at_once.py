"""One code that is sent several times at the same moment lets somebody in once. With committed transactions and threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from shutil import copy

import pytest
from django.db import connections

from fairway.accounts.models import User
from fairway.accounts.passkeys import add_passkey, ask_for_new, ask_for_one, take_passkey
from fairway.accounts.rules import Role
from fairway.accounts.two_step import APP, RECOVERY, new_secret, take_code, turn_on
from fairway.activity.models import Event
from fairway.shared.names import Invalid
from tests.conftest import make_person
from tests.engine.conftest import connected_to
from tests.services.authenticator import HALF_MINUTE, code_for
from tests.services.passkey import Device
from tests.services.postgres import postgres_server  # noqa: F401
from tests.services.sharing import shared
from tests.services.waiting import PATIENCE

AT_ONCE = 6


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path, django_db_blocker) -> Iterator[None]:
    if request.param == "sqlite":
        copy(shared("tables")["file"], tmp_path / "codes.sqlite3")
        url = f"sqlite://{tmp_path / 'codes.sqlite3'}"
    else:
        url = request.getfixturevalue("postgres_server").create_with_tables("codes")
    with django_db_blocker.unblock(), connected_to(url):
        yield


def sent_at_once(user: User, code: str) -> list[str]:
    """What each of some threads is answered that send this code at the same moment."""
    return at_once(lambda: take_code(user=user, code=code))


def at_once(take: Callable[[], str]) -> list[str]:
    """What each of some threads is answered that do this at the same moment."""
    answers: list[str] = []
    start = threading.Barrier(AT_ONCE)

    def send() -> None:
        start.wait()
        try:
            answers.append(take())
        except Invalid:
            answers.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, daemon=True) for _ in range(AT_ONCE)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
    return sorted(answers)


def test_a_code_that_is_sent_several_times_at_once_works_once(database: None) -> None:
    dora, secret, now = make_person("dora", Role.DEPLOYER), new_secret(), time.time()
    spare = turn_on(actor=dora, secret=secret, code=code_for(secret, now))
    user = User.objects.get(username="dora")
    refused = ["refused"] * (AT_ONCE - 1)
    assert sent_at_once(user, code_for(secret, now + HALF_MINUTE)) == [APP, *refused]
    assert sent_at_once(user, spare[0]) == [RECOVERY, *refused]
    assert Event.objects.filter(verb="person.recovery_code_used").count() == 1


def test_a_passkeys_answer_that_is_sent_several_times_at_once_works_once(database: None, settings) -> None:
    settings.PUBLIC_URL = "http://localhost:8000"
    dora, device = make_person("dora", Role.DEPLOYER), Device(origin="http://localhost:8000")
    user = User.objects.get(username="dora")
    options, asked = ask_for_new(user, "laptop")
    add_passkey(actor=dora, asked=asked.as_kept(), answer=device.made(options))
    options, asked = ask_for_one(None)
    kept, answer = asked.as_kept(), device.signed(options)
    assert at_once(lambda: take_passkey(asked=kept, answer=answer).username) == ["dora", *["refused"] * (AT_ONCE - 1)]
