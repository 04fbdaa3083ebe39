"""The same on both databases, with the constraints of a real file and of PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from shutil import copy
from threading import Barrier

import pytest
from django.db import connection

from fairway.accounts.rules import SYSTEM
from fairway.applications.commands import create_application
from fairway.deployments.commands.progress import removed
from fairway.monitoring.commands import forget_samples, roll_up, store_usage
from fairway.monitoring.metering import meter
from fairway.monitoring.models import Meter, TrafficSample, UsageSample
from fairway.monitoring.queries import series
from fairway.monitoring.rules import COARSE, FINE, MIDDLE
from tests.conftest import make_environment
from tests.engine.conftest import connected_to
from tests.monitoring.conftest import NOW, USED, place, served
from tests.services.postgres import postgres_server  # noqa: F401
from tests.services.sharing import shared


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request, tmp_path, django_db_blocker):
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").create_with_tables("samples")
    else:
        copy(shared("tables")["file"], tmp_path / "samples.sqlite3")
        url = f"sqlite://{tmp_path / 'samples.sqlite3'}"
    with django_db_blocker.unblock(), connected_to(url):
        yield request.param


def test_samples_are_stored_summed_up_read_deleted_and_removed(database):
    assert connection.vendor == database
    source = {"image": "registry.test/hello:1"}
    hello = create_application(actor=SYSTEM, name="Hello", source_kind="image", source=source)
    placed = place(hello, make_environment("staging"))
    for slot in range(COARSE // FINE):
        for _ in range(2):
            store_usage(at=NOW + slot * FINE, resolution=FINE, samples={(placed.pk, "web"): USED, (10**9, "web"): USED})
        served(placed, NOW + slot * FINE, bytes_sent=2**40)
    for _ in range(2):
        roll_up(now=NOW + COARSE)
    for model in (UsageSample, TrafficSample):
        found = model.objects.order_by("resolution", "at").values_list("resolution", "at")
        assert list(found.exclude(resolution=FINE)) == [
            *((MIDDLE, NOW + minute * MIDDLE) for minute in range(COARSE // MIDDLE)),
            (COARSE, NOW),
        ]
    assert UsageSample.objects.get(resolution=COARSE).used.cpu_seconds == 2.0 * COARSE / FINE
    assert TrafficSample.objects.get(resolution=COARSE).served.bytes_sent == 2**40 * COARSE // FINE
    shown = series(SYSTEM, placed, period=86400, now=NOW + COARSE)
    assert sum(one.requests for one in shown.traffic if one) == 20 * COARSE / FINE
    assert forget_samples(now=NOW + 91 * 86400) == 2 * (COARSE // FINE + COARSE // MIDDLE + 1)
    store_usage(at=NOW, resolution=FINE, samples={(placed.pk, "web"): USED})
    removed(placement=placed)
    assert not UsageSample.objects.exists()


@pytest.mark.postgres
def test_two_workers_that_meter_at_once_count_every_second_once(request, django_db_blocker):
    url = request.getfixturevalue("postgres_server").create_with_tables("metering")
    with django_db_blocker.unblock(), connected_to(url):
        source = {"image": "registry.test/hello:1"}
        staging = make_environment("staging")
        for name in ("One", "Two", "Three"):
            placed = place(create_application(actor=SYSTEM, name=name, source_kind="image", source=source), staging)
            for slot in range(12):
                store_usage(at=NOW + slot * FINE, resolution=FINE, samples={(placed.pk, "web"): USED})
        together = Barrier(4)

        def work(_):
            try:
                together.wait(timeout=20)
                for _ in range(5):
                    meter(now=NOW + 12 * FINE)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert list(Meter.objects.values_list("seconds", "cpu_ms")) == [(120, 24000)] * 6
