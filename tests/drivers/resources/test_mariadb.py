"""MariaDB keeps the contract of resources."""

from __future__ import annotations

import os
from contextlib import closing

import pymysql
import pytest

from fairway.drivers.resources import mariadb_copies
from fairway.drivers.resources.contract import Content, Login
from fairway.drivers.resources.mariadb import MariaDB
from fairway.shared.failures import NeedsPerson, Refused, Retry
from tests.drivers.resources.contract import QUIET, ResourceContract, restored
from tests.drivers.resources.test_postgres import small_disk  # noqa: F401
from tests.services.server_programs import bring_programs


def connected(spec, database, login):
    where = {"host": "127.0.0.1", "port": spec.port, "user": login.user, "password": login.password}
    return closing(pymysql.connect(**where, database=database, autocommit=True))


def ask(connection, words):
    with connection.cursor() as cursor:
        cursor.execute(words)
        return cursor.fetchall()


class TestMariaDB(ResourceContract):
    kind = "mariadb"

    @classmethod
    def open(cls, data):
        bring_programs(data, "mariadb")
        return MariaDB(data)

    def write(self, driver, spec, database, login, rows):
        with connected(spec, database, login) as connection:
            ask(connection, "CREATE TABLE IF NOT EXISTS things (id INT AUTO_INCREMENT PRIMARY KEY, name TEXT)")
            ask(connection, f"INSERT INTO things (name) SELECT 'thing' FROM seq_1_to_{rows}")

    def count(self, driver, spec, database, login):
        with connected(spec, database, login) as connection:
            return ask(connection, "SELECT COUNT(*) FROM things")[0][0]

    def kept(self, spec, database):
        return self.count(None, spec, f"{database}#before", Login("fairway", spec.password))

    @pytest.mark.parametrize(
        "words",
        [
            "SELECT * FROM mysql.global_priv",
            "CREATE DATABASE mine",
            "CREATE USER me",
            "SET GLOBAL max_connections = 1",
            "SELECT 1 INTO OUTFILE 'outfile'",
            "SHUTDOWN",
            "KILL 1",
        ],
    )
    def test_an_application_may_not_administer(self, spec, made, words):
        with (
            connected(spec, *made) as connection,
            pytest.raises(pymysql.MySQLError, match=r"(?i)denied|not owner|unknown thread"),
        ):
            ask(connection, words)

    def test_a_name_in_a_grant_is_no_pattern(self, driver, spec):
        for database in ("a_b", "acb"):
            driver.ensure_database(spec, database)
        driver.ensure_login(spec, "a_b", Login("a_b_u1", "first"))
        with pytest.raises(pymysql.MySQLError, match="denied"), connected(spec, "acb", Login("a_b_u1", "first")):
            pass

    def test_nobody_enters_without_a_password(self, spec, made):
        for user in ("root", "fairway", "", made[0]):
            with pytest.raises(pymysql.MySQLError, match=r"(?i)denied"), connected(spec, None, Login(user, "")):
                pass

    def test_everything_that_depends_on_tables_comes_back(self, driver, spec, made, tmp_path):
        database, login = made
        with connected(spec, database, login) as connection:
            ask(connection, "CREATE TABLE `odd name` (id INT PRIMARY KEY, bytes BLOB)")
            ask(
                connection,
                "CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, of INT, FOREIGN KEY (of) REFERENCES `odd name` (id))",
            )
            ask(
                connection,
                "CREATE TRIGGER noted AFTER INSERT ON `odd name` FOR EACH ROW INSERT INTO log (of) VALUES (NEW.id)",
            )
            ask(connection, "CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n")
            ask(connection, "CREATE VIEW seen AS SELECT twice(id) AS two FROM `odd name`")
            ask(connection, "INSERT INTO `odd name` VALUES (1, x'00ff0a27'), (2, 'DEFINER=`x`@`y`')")
        taken = driver.dump(spec, database, tmp_path / "copy", QUIET)
        assert taken == Content({"odd name": 2, "log": 2})
        with connected(spec, database, login) as connection:
            ask(connection, "INSERT INTO `odd name` VALUES (3, NULL)")
            ask(connection, "CREATE VIEW later AS SELECT 1")
        restored(driver, spec, tmp_path / "copy", database)
        renewed = Login(f"{database}_u2", "second")
        driver.ensure_login(spec, database, renewed)
        driver.ensure_no_login(spec, database, login.user)
        with connected(spec, database, renewed) as connection:
            assert ask(connection, "SELECT * FROM `odd name`") == ((1, b"\x00\xff\n'"), (2, b"DEFINER=`x`@`y`"))
            assert ask(connection, "SELECT two FROM seen") == ((2,), (4,))
            ask(connection, "INSERT INTO `odd name` VALUES (3, NULL)")
            assert ask(connection, "SELECT COUNT(*) FROM log") == ((3,),)
            assert [name for (name,) in ask(connection, "SHOW TABLES")] == ["log", "odd name", "seen"]
        with connected(spec, f"{database}#before", Login("fairway", spec.password)) as connection:
            assert ask(connection, "SELECT COUNT(*) FROM `odd name`") == ((3,),)

    def test_a_restore_ends_the_connections_that_are_open(self, driver, spec, made, tmp_path):
        database, login = made
        self.write(driver, spec, database, login, 3)
        driver.dump(spec, database, tmp_path / "copy", QUIET)
        with connected(spec, database, login) as open_one:
            ask(open_one, "BEGIN")
            ask(open_one, "INSERT INTO things (name) VALUES ('never')")
            restored(driver, spec, tmp_path / "copy", database)
            with pytest.raises(pymysql.MySQLError):
                ask(open_one, "COMMIT")
        assert self.count(driver, spec, database, login) == 3

    def test_a_table_that_stays_in_use_keeps_all_as_it_was(self, driver, spec, made, tmp_path, monkeypatch):
        database, login = made
        monkeypatch.setattr(mariadb_copies, "WAIT", 1)
        self.write(driver, spec, database, login, 3)
        with connected(spec, database, login) as connection:
            ask(connection, "CREATE TABLE log (n INT)")
            ask(connection, "CREATE TRIGGER noted AFTER INSERT ON things FOR EACH ROW INSERT INTO log VALUES (1)")
            ask(connection, "CREATE VIEW seen AS SELECT COUNT(*) AS n FROM log")
        driver.dump(spec, database, tmp_path / "copy", QUIET)
        self.write(driver, spec, database, login, 1)
        with connected(spec, None, Login("fairway", spec.password)) as other:
            ask(other, "BEGIN")
            ask(other, f"SELECT COUNT(*) FROM {database}.things")
            with pytest.raises(Retry, match="in use"):
                restored(driver, spec, tmp_path / "copy", database)
        self.write(driver, spec, database, login, 1)
        with connected(spec, database, login) as connection:
            assert ask(connection, "SELECT n FROM seen") == ((2,),)
        assert self.count(driver, spec, database, login) == 5
        restored(driver, spec, tmp_path / "copy", database)
        assert self.count(driver, spec, database, login) == 3

    def test_a_dump_with_an_error_anywhere_is_refused(self, driver, spec, made, tmp_path):
        self.write(driver, spec, made[0], made[1], 3)
        copy = tmp_path / "copy"
        driver.dump(spec, made[0], copy, QUIET)
        text = copy.read_bytes()
        for place in (b"INSERT INTO `things`", b"-- Fairway: the end"):
            copy.write_bytes(text.replace(place, b"SELECT nothing;\n" + place))
            with pytest.raises(Refused, match="cannot be restored.*nothing"):
                driver.look_into(spec, copy, QUIET)
        assert self.count(driver, spec, made[0], made[1]) == 3

    def test_what_an_ended_login_made_goes_on_in_its_name(self, driver, spec, made):
        database, first = made
        self.write(driver, spec, database, first, 2)
        with connected(spec, database, first) as connection:
            ask(connection, "CREATE VIEW counted AS SELECT COUNT(*) AS n FROM things")
        second = Login(f"{database}_u2", "second")
        driver.ensure_login(spec, database, second)
        driver.ensure_no_login(spec, database, first.user)
        with connected(spec, database, second) as connection:
            assert ask(connection, "SELECT n FROM counted") == ((2,),)
        with pytest.raises(pymysql.MySQLError, match="(?i)denied"):
            self.count(driver, spec, database, first)

    def test_ending_a_login_ends_its_connections(self, driver, spec, made):
        self.write(driver, spec, made[0], made[1], 1)
        with connected(spec, *made) as connection:
            driver.ensure_no_login(spec, *[made[0], made[1].user])
            with pytest.raises(pymysql.MySQLError):
                ask(connection, "SELECT COUNT(*) FROM things")

    def test_a_dump_on_a_full_disk_is_said_and_leaves_no_file(self, driver, spec, made, small_disk):  # noqa: F811
        with connected(spec, *made) as connection:
            ask(connection, "CREATE TABLE noise (bytes TEXT)")
            ask(connection, "INSERT INTO noise SELECT SHA2(RAND(), 512) FROM seq_1_to_10000")
        with pytest.raises(NeedsPerson, match="disk is full"):
            driver.dump(spec, made[0], small_disk / "copy", QUIET)
        assert list(small_disk.iterdir()) == []

    def test_its_programs_need_nothing_of_this_machine_but_libc(self, driver, spec):
        folder = driver.programs(spec.version)
        assert (folder / "usr/sbin/mariadbd").is_file()
        assert not list(folder.glob("usr/lib/*/libc.so*")) + list(folder.glob("lib/*/libc.so*"))
        assert os.stat(folder / "usr/sbin/mariadbd").st_mode & 0o222 == 0
