"""What every kind of resource promises, tried with the real server. A subclass says how to open the driver and to use it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fairway.drivers.resources.contract import Content, Login, ResourceDriver, ServerSpec, ServerState
from fairway.drivers.resources.ports import choose_port
from fairway.drivers.runtimes.contract import NullProgress
from fairway.drivers.runtimes.process.places import read_json
from fairway.shared.failures import Failure, Refused, Retry
from tests.services.waiting import wait_for

QUIET = NullProgress()


def restored(driver: ResourceDriver, spec: ServerSpec, dump: Path, database: str) -> Content:
    """Restore a dump and put it in place."""
    content = driver.restore(spec, dump, database, QUIET)
    driver.put_in_place(spec, dump, database, QUIET)
    return content


class ResourceContract:
    """Tests share one server (`server`) and have databases of their own; those that hurt it bring it back."""

    kind: str
    smallest = 1_000_000  # bytes that an empty server has on disk, at least

    # -- what a subclass says

    @classmethod
    def open(cls, data: Path) -> ResourceDriver:
        raise NotImplementedError

    def write(self, driver, spec, database, login, rows: int) -> None:
        """Make a table (once) and put so many rows into it, as the login."""
        raise NotImplementedError

    def count(self, driver, spec, database, login) -> int:
        """Its rows. Raises what the client raises when the login does not work."""
        raise NotImplementedError

    def kept(self, spec, database) -> int:
        """The rows of what a restore replaced."""
        raise NotImplementedError

    # -- what they share

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls, tmp_path_factory) -> Path:
        return tmp_path_factory.mktemp("resources")

    @pytest.fixture(scope="class")
    @classmethod
    def driver(cls, data) -> ResourceDriver:
        return cls.open(data)

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, driver) -> Iterator[ServerSpec]:
        spec = ServerSpec("shop.staging.1", driver.versions[0], choose_port(()), "p'w \\\"; --")
        driver.fetch(spec.version, QUIET)
        driver.ensure_data(spec, QUIET, may_be_new=True)
        driver.ensure_running(spec, QUIET)
        yield spec
        driver.ensure_stopped(spec.name)

    @pytest.fixture
    def spec(self, driver, server) -> ServerSpec:
        driver.ensure_running(server, QUIET)
        return server

    @pytest.fixture
    def made(self, driver, spec, request) -> tuple[str, Login]:
        """A database and a login of the test's own."""
        database = f"d{abs(hash(request.node.name)) % 10**8}"
        login = Login(f"{database}_u1", "first")
        driver.ensure_database(spec, database)
        driver.ensure_login(spec, database, login)
        return database, login

    # -- the server

    def test_it_says_its_version_size_and_connections(self, driver, spec):
        facts = driver.look(spec)
        assert facts.version.startswith(spec.version.split(".")[0])
        assert facts.size_bytes > self.smallest
        assert facts.most_connections > facts.connections >= 0

    def test_a_second_start_adopts_the_first(self, driver, spec, data):
        before = read_json(data / "resources" / spec.name / "state.json")
        driver.ensure_running(spec, QUIET)
        assert read_json(data / "resources" / spec.name / "state.json")["app"] == before["app"]

    def test_it_does_not_run_as_root(self, driver, spec, data):
        pid = read_json(data / "resources" / spec.name / "state.json")["app"][0]
        assert os.stat(f"/proc/{pid}").st_uid != 0

    def test_it_is_started_again_when_it_dies(self, driver, spec, data):
        pid = read_json(data / "resources" / spec.name / "state.json")["app"][0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: driver.seen(spec.name).restarts > 0 and answers(driver, spec), "it answers again")

    def test_it_comes_back_when_its_shim_was_killed(self, driver, spec, data, made):
        database, login = made
        self.write(driver, spec, database, login, 3)
        os.kill(read_json(data / "resources" / spec.name / "state.json")["minder"][0], signal.SIGKILL)
        wait_for(lambda: _runs_again(driver, spec), "it was started again")
        assert self.count(driver, spec, database, login) == 3

    def test_stopped_and_started_it_has_what_it_had(self, driver, spec, made):
        database, login = made
        self.write(driver, spec, database, login, 5)
        driver.ensure_stopped(spec.name)
        driver.ensure_stopped(spec.name)
        assert driver.seen(spec.name).state is ServerState.STOPPED
        with pytest.raises(Retry):
            driver.look(spec)
        driver.ensure_running(spec, QUIET)
        assert self.count(driver, spec, database, login) == 5

    def test_nothing_is_made_on_data_that_is_there(self, driver, spec, made):
        database, login = made
        self.write(driver, spec, database, login, 2)
        driver.ensure_data(spec, QUIET, may_be_new=True)
        assert self.count(driver, spec, database, login) == 2

    def test_data_that_is_gone_stops_the_start(self, driver, spec, data):
        driver.ensure_stopped(spec.name)
        place = data / "resources" / spec.name / "data"
        place.rename(place.with_name("elsewhere"))
        try:
            for act in (
                lambda: driver.ensure_data(spec, QUIET, may_be_new=True),
                lambda: driver.ensure_running(spec, QUIET),
            ):
                with pytest.raises(Refused, match="empty folder"):
                    act()
            assert not place.exists()
        finally:
            place.with_name("elsewhere").rename(place)

    def test_no_second_server_starts_on_its_data(self, driver, spec, data):
        """The lock is the kernel's: also when everything that was written down says that nothing runs."""
        folder = data / "resources" / spec.name
        state = folder / "state.json"
        state.rename(folder / "state.kept")
        try:
            with pytest.raises(Retry):
                driver.ensure_running(replace(spec, port=choose_port(())), _Impatient())
        finally:
            (folder / "state.kept").rename(state)
        assert answers(driver, spec)

    def test_put_away_it_runs_no_more_and_its_data_stays(self, driver, data):
        spec = ServerSpec("gone.staging.2", driver.versions[0], choose_port(()), "other")
        driver.ensure_data(spec, QUIET, may_be_new=True)
        place = driver.ensure_put_away(spec.name)
        assert place is not None
        assert any((place / "data").iterdir())
        assert driver.ensure_put_away(spec.name) == place
        assert driver.seen(spec.name).state is ServerState.ABSENT
        assert driver.ensure_put_away("never.staging.3") is None

    # -- who may sign in

    def test_a_login_has_its_own_database_and_no_other(self, driver, spec, made):
        database, login = made
        self.write(driver, spec, database, login, 1)
        driver.ensure_database(spec, "others")
        driver.ensure_login(spec, "others", Login("others_u1", "theirs"))
        with pytest.raises(Exception, match="(?i)denied|no permission"):
            self.count(driver, spec, "others", login)

    def test_a_wrong_password_is_refused(self, driver, spec, made):
        database, login = made
        with pytest.raises(Exception, match="(?i)password|denied"):
            self.count(driver, spec, database, Login(login.user, "wrong"))

    def test_two_passwords_work_until_one_is_ended(self, driver, spec, made):
        database, first = made
        second = Login(f"{database}_u2", "second")
        self.write(driver, spec, database, first, 2)
        driver.ensure_login(spec, database, second)
        self.write(driver, spec, database, second, 2)
        self.write(driver, spec, database, first, 2)
        assert self.count(driver, spec, database, first) == self.count(driver, spec, database, second) == 6
        driver.ensure_no_login(spec, database, first.user)
        driver.ensure_no_login(spec, database, first.user)
        with pytest.raises(Exception, match="(?i)password|exist|denied|not permitted"):
            self.count(driver, spec, database, first)
        self.write(driver, spec, database, second, 1)
        assert self.count(driver, spec, database, second) == 7

    # -- copies

    def test_a_dump_holds_what_was_there_and_can_be_looked_into(self, driver, spec, made, tmp_path):
        database, login = made
        self.write(driver, spec, database, login, 100)
        taken = driver.dump(spec, database, tmp_path / "copy", QUIET)
        self.write(driver, spec, database, login, 50)
        before = driver.databases(spec)
        assert taken.total == 100
        assert driver.look_into(spec, tmp_path / "copy", QUIET) == taken
        assert driver.databases(spec) == before

    def test_a_dump_restored_replaces_what_was_there(self, driver, spec, made, tmp_path):
        database, login = made
        self.write(driver, spec, database, login, 10)
        driver.dump(spec, database, tmp_path / "copy", QUIET)
        self.write(driver, spec, database, login, 90)
        assert restored(driver, spec, tmp_path / "copy", database).total == 10
        assert self.count(driver, spec, database, login) == 10
        self.write(driver, spec, database, login, 1)

    def test_what_an_attempt_put_in_place_the_next_one_leaves_there(self, driver, spec, made, tmp_path):
        """A worker died after it and before it was noted: what was there before stays kept, and so does what came since."""
        database, login = made
        self.write(driver, spec, database, login, 10)
        driver.dump(spec, database, tmp_path / "copy", QUIET)
        self.write(driver, spec, database, login, 90)
        restored(driver, spec, tmp_path / "copy", database)
        self.write(driver, spec, database, login, 3)
        driver.put_in_place(spec, tmp_path / "copy", database, QUIET)
        assert self.count(driver, spec, database, login) == 13
        assert self.kept(spec, database) == 100

    def test_what_was_restored_is_seen_by_nobody_until_it_is_put_in_place(self, driver, spec, made, tmp_path):
        database, login = made
        self.write(driver, spec, database, login, 10)
        driver.dump(spec, database, tmp_path / "copy", QUIET)
        self.write(driver, spec, database, login, 5)
        before = driver.databases(spec)
        for _ in range(2):
            assert driver.restore(spec, tmp_path / "copy", database, QUIET).total == 10
        assert self.count(driver, spec, database, login) == 15
        assert driver.databases(spec) == before
        driver.forget_restored(spec, database)
        driver.put_in_place(spec, tmp_path / "copy", database, QUIET)
        assert self.count(driver, spec, database, login) == 15, "nothing is left that could be put in place"

    def test_a_damaged_dump_replaces_nothing(self, driver, spec, made, tmp_path):
        database, login = made
        self.write(driver, spec, database, login, 10)
        copy = tmp_path / "copy"
        driver.dump(spec, database, copy, QUIET)
        copy.write_bytes(copy.read_bytes()[:-40])
        before = driver.databases(spec)
        with pytest.raises(Failure):
            driver.look_into(spec, copy, QUIET)
        with pytest.raises(Failure):
            restored(driver, spec, copy, database)
        assert driver.databases(spec) == before
        assert self.count(driver, spec, database, login) == 10

    def test_a_dump_of_nothing_leaves_no_file(self, driver, spec, tmp_path):
        with pytest.raises(Failure):
            driver.dump(spec, "no_such_database", tmp_path / "copy", QUIET)
        assert not (tmp_path / "copy").exists()


class _Impatient:
    """Gives up the wait for somebody else's birth after a few looks."""

    looks = 0

    def line(self, text: str, *, stream: str = "stdout") -> None: ...

    def check(self) -> None:
        self.looks += 1
        if self.looks > 20:
            raise Retry("it takes too long")


def answers(driver, spec) -> bool:
    try:
        driver.look(spec)
    except Retry:
        return False
    return True


def _runs_again(driver, spec) -> bool:
    try:
        driver.ensure_running(spec, QUIET)
    except Retry:
        return False
    return True
