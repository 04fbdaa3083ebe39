"""Redis keeps the contract of resources."""

from __future__ import annotations

import os
import signal

import pytest

from fairway.drivers.resources import redis_copies, redis_databases
from fairway.drivers.resources.contract import Content, Login, ServerState
from fairway.drivers.resources.redis import Redis
from fairway.drivers.resources.redis_wire import Answered, Wire
from fairway.drivers.runtimes.process.places import read_json
from fairway.shared.failures import NeedsPerson, Refused
from tests.drivers.resources.contract import QUIET, ResourceContract, answers, restored
from tests.drivers.resources.test_postgres import small_disk  # noqa: F401
from tests.services.server_programs import bring_programs
from tests.services.waiting import wait_for


def connected(driver, spec, database, login):
    """As an application connects: its login and the number of its database, as the URL has them."""
    number = driver.address(spec, database, Login("", "")).database
    wire = Wire.to("127.0.0.1", spec.port, login.user, login.password)
    try:
        wire.ask("SELECT", number)
    except Answered:
        wire.close()
        raise
    return wire


class TestRedis(ResourceContract):
    kind = "redis"
    smallest = 100

    @classmethod
    def open(cls, data):
        bring_programs(data, "redis")
        return Redis(data)

    def write(self, driver, spec, database, login, rows):
        with connected(driver, spec, database, login) as wire:
            first = wire.ask("DBSIZE")
            wire.ask_all(("SET", f"thing:{number}", "a thing") for number in range(first, first + rows))

    def count(self, driver, spec, database, login):
        with connected(driver, spec, database, login) as wire:
            wire.ask("GET", "thing:0")
            return wire.ask("DBSIZE")

    def kept(self, spec, database):
        with Wire.to("127.0.0.1", spec.port, "fairway", spec.password) as wire:
            number = redis_databases.number_of(wire, f"{database}{redis_databases.BEFORE}")
            return redis_copies.content(wire, number).total

    @pytest.fixture
    def wire(self, driver, spec, made):
        """An application's connection to its own database."""
        with connected(driver, spec, *made) as wire:
            yield wire

    @pytest.mark.parametrize(
        "words",
        [
            "CONFIG GET dir",
            "CONFIG SET dir /",
            "FLUSHALL",
            "SHUTDOWN",
            "ACL LIST",
            "MONITOR",
            "SWAPDB 0 1",
            "REPLICAOF NO ONE",
            "CLIENT LIST",
            "FUNCTION LIST",
            "SCRIPT FLUSH",
            "SCRIPT KILL",
            "MODULE LIST",
            "BGSAVE",
        ],
    )
    def test_an_application_may_not_administer(self, wire, words):
        with pytest.raises(Answered, match="NOPERM"):
            wire.ask(*words.split())

    @pytest.mark.parametrize(
        "words",
        [
            "INFO",
            "KEYS *",
            "FLUSHDB",
            "PUBLISH news hello",
            "CLIENT SETNAME me",
            "EVAL return(1) 0",
            "SCRIPT LOAD return(1)",
            "ACL WHOAMI",
        ],
    )
    def test_an_application_may_do_what_libraries_ask_for(self, wire, words):
        wire.ask(*words.split())

    def test_fairways_own_database_is_closed(self, wire):
        with pytest.raises(Answered, match="NOPERM"):
            wire.ask("SELECT", 0)
        with pytest.raises(Answered, match="permission"):
            wire.ask("EVAL", "redis.call('SELECT', 0) return redis.call('HGETALL', 'databases')", 0)

    def test_nobody_enters_without_a_password(self, driver, spec):
        for user, password in (("default", ""), ("fairway", ""), ("fairway", "wrong")):
            with pytest.raises(Answered, match="WRONGPASS"):
                Wire.to("127.0.0.1", spec.port, user, password)

    def test_what_was_answered_survives_the_end_of_its_process(self, driver, spec, data, made):
        """Each value was answered before the kill, so each is there."""
        for number in range(3):
            self.write(driver, spec, made[0], made[1], 50)
            seen = driver.seen(spec.name)
            os.kill(read_json(data / "resources" / spec.name / "state.json")["app"][0], signal.SIGKILL)
            wait_for(lambda seen=seen: driver.seen(spec.name).restarts > seen.restarts, "it is started again")
            wait_for(lambda: answers(driver, spec), "it answers again")
            driver.ensure_running(spec, QUIET)  # also after several restarts it is adopted
            assert self.count(driver, spec, made[0], made[1]) == 50 * (number + 1)

    def test_a_restart_knows_its_logins(self, driver, spec, made):
        self.write(driver, spec, made[0], made[1], 1)
        driver.ensure_stopped(spec.name)
        driver.ensure_running(spec, QUIET)
        assert self.count(driver, spec, made[0], made[1]) == 1

    def test_without_its_log_it_does_not_start_empty(self, driver, spec, data):
        driver.ensure_stopped(spec.name)
        place = data / "resources" / spec.name / "data" / "appendonlydir"
        place.rename(place.with_name("elsewhere"))
        try:
            with pytest.raises(Refused, match="empty folder"):
                driver.ensure_running(spec, QUIET)
            assert driver.seen(spec.name).state is ServerState.STOPPED
        finally:
            place.with_name("elsewhere").rename(place)

    def test_a_dump_holds_one_database_and_of_any_type(self, driver, spec, made, wire, tmp_path):
        other = Login("neighbour_u1", "theirs")
        driver.ensure_database(spec, "neighbour")
        driver.ensure_login(spec, "neighbour", other)
        self.write(driver, spec, "neighbour", other, 3)
        wire.ask("RPUSH", "list", "a", "b")
        wire.ask("HSET", "hash", "a", "1")
        wire.ask("ZADD", "sorted", 1, "a")
        wire.ask("XADD", "stream", "1-1", "a", "b")
        wire.ask("SET", b"\xff\x00binary", b"\x00\r\n\xff")
        wire.ask("SET", "session", "s", "EX", 3600)
        taken = driver.dump(spec, made[0], tmp_path / "copy", QUIET)
        assert taken == Content({redis_copies.LASTING: 5, redis_copies.PASSING: 1})
        assert b"thing:" not in (tmp_path / "copy").read_bytes()
        wire.ask("FLUSHDB")
        restored(driver, spec, tmp_path / "copy", made[0])
        assert wire.ask("LRANGE", "list", 0, -1) == [b"a", b"b"]  # the connection from before sees it at once
        assert wire.ask("XLEN", "stream") == 1
        assert wire.ask("GET", b"\xff\x00binary") == b"\x00\r\n\xff"
        assert 3500 < wire.ask("TTL", "session") <= 3600
        assert self.count(driver, spec, "neighbour", other) == 3

    def test_keys_that_expire_meanwhile_make_no_backup_fail(self, driver, spec, made, wire, tmp_path):
        wire.ask("SET", "lasting", "1")
        wire.ask("SET", "passing", "1", "PX", 30_000)
        taken = driver.dump(spec, made[0], tmp_path / "copy", QUIET)
        wire.ask("PEXPIRE", "passing", 1)
        wire.ask("FLUSHDB")
        assert driver.look_into(spec, tmp_path / "copy", QUIET) == taken
        wire.ask("SET", "passing", "1", "PX", 200)
        short = driver.dump(spec, made[0], tmp_path / "short", QUIET)
        wait_for(lambda: wire.ask("GET", "passing") is None, "it has expired")
        assert driver.look_into(spec, tmp_path / "short", QUIET) == short
        restored(driver, spec, tmp_path / "short", made[0])
        assert wire.ask("DBSIZE") == 0

    def test_what_a_restore_replaced_is_kept_beside_it_once(self, driver, spec, made, tmp_path):
        database, login = made
        self.write(driver, spec, database, login, 4)
        driver.dump(spec, database, tmp_path / "copy", QUIET)
        for more in (1, 2):
            self.write(driver, spec, database, login, more)
            restored(driver, spec, tmp_path / "copy", database)
        assert self.kept(spec, database) == 6

    def test_a_dump_on_a_full_disk_is_said_and_leaves_no_file(self, driver, spec, made, wire, small_disk):  # noqa: F811
        wire.ask_all(("SET", f"noise:{number}", os.urandom(1000)) for number in range(1000))
        with pytest.raises(NeedsPerson, match="disk is full"):
            driver.dump(spec, made[0], small_disk / "copy", QUIET)
        assert list(small_disk.iterdir()) == []

    def test_nothing_of_a_copy_is_left(self, driver, spec, made, data, tmp_path):
        self.write(driver, spec, made[0], made[1], 1)
        driver.dump(spec, made[0], tmp_path / "copy", QUIET)
        driver.look_into(spec, tmp_path / "copy", QUIET)
        folder = data / "resources" / spec.name
        assert list((folder / "tmp").iterdir()) == []
        assert not list((folder / "data").glob("*.rdb"))

    def test_a_full_server_says_so(self, driver, spec, monkeypatch):
        monkeypatch.setattr(redis_databases, "MOST", 0)
        with pytest.raises(NeedsPerson, match="no database left"):
            driver.ensure_database(spec, "one_too_many")
