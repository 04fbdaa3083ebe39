"""What alerts are about, read from where it really is: certificates, hosts, resources and their backups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.utils import timezone

from fairway.environments.hosts import record_check
from fairway.environments.models import Host
from fairway.monitoring.alert_facts import measure
from fairway.monitoring.alert_rules import RULES, AlertKind, sentence_of
from fairway.resources.models import Backup, Binding, Resource

SSH = "ssh://deploy@docker.example.com"


def found(kind, now=None):
    return measure(lambda _: RULES, now or timezone.now())[kind]


def certificate(place, host, *, days):
    """A real certificate for `host` where Caddy would store it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now - timedelta(days=80)).not_valid_after(now + timedelta(days=days))
    folder = place / host
    folder.mkdir(parents=True, exist_ok=True)
    signed = made.sign(key, hashes.SHA256())
    (folder / f"{host}.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def storage(tmp_path, monkeypatch):
    data = type(settings.DATA)(tmp_path / "data")
    monkeypatch.setattr(settings, "DATA", data)
    place = data.folder("caddy") / "storage" / "certificates"
    place.mkdir(parents=True)
    return place


def test_the_certificate_that_ends_first_counts_and_that_of_caddy_itself_does_not(placed, storage):
    placed.domains = ["shop.example.com", "old.example.com"]
    placed.save()
    certificate(storage / "acme", "shop.example.com", days=60)
    certificate(storage / "acme", "old.example.com", days=5)
    certificate(storage / "acme", "gone.example.com", days=1)
    certificate(storage / "local", placed.host, days=0.5)
    (one,) = found(AlertKind.CERTIFICATE)
    assert 4.9 < one.value <= 5
    assert one.facts["host"] == "old.example.com"
    certificate(storage / "acme", "old.example.com", days=89)  # it was renewed
    (one,) = found(AlertKind.CERTIFICATE)
    assert 59.9 < one.value <= 60


def test_a_file_that_is_no_certificate_is_not_known(placed, storage):
    certificate(storage / "acme", placed.host, days=5)
    (storage / "acme" / placed.host / f"{placed.host}.crt").write_text("nonsense")
    assert found(AlertKind.CERTIFICATE) is None
    assert found(AlertKind.DOWN) is not None


@pytest.mark.parametrize(
    ("is_connected", "reason", "ago", "value"),
    [(True, "", 0, 0.0), (False, "unreachable", 0, 1.0), (False, "unreachable", 3600, None), (False, "", None, None)],
)
def test_a_host_is_away_only_if_somebody_looked_just_now(staging, is_connected, reason, ago, value):
    staging.runtime, staging.options = "docker", {"host": SSH}
    staging.save()
    host = Host.objects.create(address=SSH, public_key="", sealed_key="", host_key="key", offered_key="key")
    if ago is not None:
        record_check(host=host, is_connected=is_connected, reason=reason)
        Host.objects.update(seen_at=timezone.now() - timedelta(seconds=ago))
    (one,) = found(AlertKind.HOST)
    assert one.value == value


def test_a_resource_that_is_down_and_backups_that_failed(hello, staging):
    resource = Resource.objects.create(
        environment=staging, name="base", kind="postgres", version="18", state="down", port=29000, sealed_password=""
    )
    assert [one.value for one in found(AlertKind.DOWN)] == [1.0]
    Binding.objects.create(resource=resource, application=hello, alias="d", database="d", login="d", state="bound")
    assert found(AlertKind.BACKUP_FAILED) == []
    Backup.objects.create(resource=resource, application=hello, database="d", version="18", state="failed", sentence="Full.")
    (one,) = found(AlertKind.BACKUP_FAILED)
    assert sentence_of(AlertKind.BACKUP_FAILED, one.facts) == "The last backup of Hello failed."
    assert found(AlertKind.BACKUP_LATE) == [], "one cause, one alert"
    resource.wanted = "stopped"
    resource.save()
    assert found(AlertKind.DOWN) == []
