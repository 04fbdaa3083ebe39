"""PostgreSQL keeps the contract of resources."""

from __future__ import annotations

import os
import subprocess

import psycopg
import pytest
from cryptography.fernet import Fernet

from fairway.drivers.resources.contract import Login
from fairway.drivers.resources.engines import ENGINES
from fairway.drivers.resources.postgres import Postgres
from fairway.drivers.resources.registry import open_driver
from fairway.drivers.resources.sealed_files import seal_file
from fairway.shared.failures import NeedsPerson
from fairway.shared.sealing import Seal
from tests.drivers.resources.contract import QUIET, ResourceContract, restored
from tests.services.docker import missing, program
from tests.services.server_programs import bring_programs


def connected(spec, database, login, **more):
    where = {"host": "127.0.0.1", "port": spec.port, "user": login.user, "password": login.password, "dbname": database}
    return psycopg.connect(**where, autocommit=True, **more)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 200 kB of its own: a tmpfs."""
    if os.geteuid() != 0:
        missing("a disk that can be filled needs root, to mount it")
    place = tmp_path / "small"
    place.mkdir()
    mount = [program("mount", "mount"), "-t", "tmpfs", "-o", "size=200k,mode=0700", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"a disk that can be filled cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run([program("umount", "mount"), "--lazy", str(place)], check=True)


class TestPostgres(ResourceContract):
    kind = "postgres"

    @classmethod
    def open(cls, data):
        bring_programs(data)
        return Postgres(data)

    def write(self, driver, spec, database, login, rows):
        with connected(spec, database, login) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS things (name text)")
            connection.execute("INSERT INTO things SELECT 'thing' FROM generate_series(1, %s)", [rows])

    def count(self, driver, spec, database, login):
        with connected(spec, database, login) as connection:
            return connection.execute("SELECT count(*) FROM things").fetchone()[0]

    def kept(self, spec, database):
        return self.count(None, spec, f"{database}#before", Login("fairway", spec.password))

    def test_a_login_cannot_enter_the_servers_own_databases(self, driver, spec, made):
        for database in ("postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match="denied"):
                connected(spec, database, made[1])

    def test_what_an_owner_sets_for_its_database_does_not_reach_the_administrator(self, driver, spec, made, tmp_path):
        """A search path of one's own could have the administrator call one's own functions."""
        database, login = made
        with connected(spec, database, login) as connection:
            connection.execute("CREATE SCHEMA evil")
            connection.execute(
                "CREATE FUNCTION evil.count(anyelement) RETURNS bigint LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'called as %', current_user; END $$"
            )
            connection.execute(f"ALTER DATABASE {database} SET search_path = evil, pg_catalog")
            connection.execute("CREATE TABLE public.things (name text)")
        assert driver.dump(spec, database, tmp_path / "copy", QUIET).rows == {"public.things": 0}
        driver.ensure_login(spec, database, Login(f"{database}_u2", "second"))

    def test_a_dump_is_restored_by_nobody_who_could_do_harm(self, driver, spec, made, tmp_path):
        """A function in an index runs while the index is made: as whom, it says itself."""
        database, login = made
        with connected(spec, database, login) as connection:
            connection.execute(
                "CREATE FUNCTION public.who(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN"
                " IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user)"
                " THEN RAISE EXCEPTION 'restored by %', session_user; END IF; RETURN $1; END $$"
            )
            connection.execute("CREATE TABLE things (name text)")
            connection.execute("INSERT INTO things VALUES ('one')")
            connection.execute("CREATE INDEX ON things (who(name))")
        taken = driver.dump(spec, database, tmp_path / "copy", QUIET)
        assert driver.look_into(spec, tmp_path / "copy", QUIET) == taken
        assert restored(driver, spec, tmp_path / "copy", database) == taken

    def test_a_look_that_was_cut_short_leaves_nothing_for_ever(self, driver, spec, made, tmp_path):
        database, login = made
        self.write(driver, spec, database, login, 1)
        driver.dump(spec, database, tmp_path / "copy", QUIET)
        administrator = Login("fairway", spec.password)
        with connected(spec, "postgres", administrator) as connection:
            connection.execute('CREATE DATABASE "look#cut"')
        driver.look_into(spec, tmp_path / "copy", QUIET)
        with connected(spec, "postgres", administrator) as connection:
            left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'look#%'").fetchall()
            roles = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'look#%'").fetchall()
        assert (left, roles) == ([], [])

    def test_a_dump_on_a_full_disk_is_said_and_leaves_no_file(self, driver, spec, made, small_disk):
        database, login = made
        with connected(spec, database, login) as connection:
            connection.execute("CREATE TABLE noise (bytes text)")
            connection.execute("INSERT INTO noise SELECT md5(random()::text) FROM generate_series(1, 40000)")
        with pytest.raises(NeedsPerson, match="disk is full"):
            driver.dump(spec, database, small_disk / "copy", QUIET)
        assert list(small_disk.iterdir()) == []


def test_an_engine_says_what_its_driver_has(tmp_path):
    for engine in ENGINES.values():
        driver = open_driver(engine.kind, tmp_path)
        assert (driver.kind, driver.versions) == (engine.kind, engine.versions)


def test_a_full_disk_is_said_and_leaves_no_sealed_file(small_disk, tmp_path):
    clear = tmp_path / "clear"
    clear.write_bytes(os.urandom(400_000))
    with pytest.raises(NeedsPerson, match="disk is full"):
        seal_file(clear, small_disk / "sealed", Seal([Fernet.generate_key().decode()]), lambda: None)
    assert list(small_disk.iterdir()) == []
