"""Nobody takes Fairway's own address, an environment's or another application's, under whatever spelling."""

import pytest

from fairway.accounts.rules import Act
from fairway.deployments.commands.placements import set_domains
from fairway.deployments.gate import Subject, blockers
from fairway.deployments.models import Placement
from fairway.deployments.rules import Wanted
from fairway.environments.commands import create_environment, edit_environment
from fairway.insights.hosts import placement_at
from fairway.shared.names import Invalid
from tests.conftest import make_environment
from tests.web.conftest import live

OWN = ["fairway.example.com", "Fairway.Example.COM", "fairway.example.com.", "ｆairway.example.com", "fairway。example.com"]
BELOW_OURS = ["office.example.net", "any.office.example.net", "ANY.Office.example.net."]
ENVIRONMENTS = ["staging.localhost", "Hello.Staging.Localhost.", "new.production.localhost", "sub.new.production.localhost"]
MALFORMED = [
    "*.example.com",
    "fairway.example.com:443",
    "https://fairway.example.com",
    "127.0.0.1",
    "0x7f.1",
    "2130706433",
    "[::1]",
]


@pytest.fixture
def placed(hello, staging) -> Placement:
    live(hello, staging)
    return Placement.objects.get(environment=staging)


@pytest.fixture
def other_placed(hello, production) -> Placement:
    live(hello, production)
    return Placement.objects.get(environment=production)


@pytest.fixture
def _reached(settings) -> None:
    settings.ALLOWED_HOSTS = ["fairway.example.com", ".office.example.net", "127.0.0.1", "[::1]", "*"]
    settings.PUBLIC_URL = "https://Public.example.com:8443"


@pytest.mark.usefixtures("_reached", "production")
@pytest.mark.parametrize("domain", [*OWN, *BELOW_OURS, *ENVIRONMENTS, *MALFORMED, "public.example.com", "LOCALHOST"])
def test_a_deployer_cannot_claim_what_is_somebody_elses(deployer, placed, domain):
    with pytest.raises(Invalid) as refused:
        set_domains(actor=deployer, placement=placed, domains=["shop.example.com", domain])
    assert refused.value.field == "domains"
    assert Placement.objects.get(pk=placed.pk).domains == []


@pytest.mark.parametrize("spelling", ["bücher.example", "XN--bcher-kva.example", "Bücher.example."])
def test_a_domain_belongs_to_one_application_whatever_its_spelling(deployer, placed, other_placed, spelling):
    set_domains(actor=deployer, placement=placed, domains=["bücher.example", "BÜCHER.example"])
    placed.refresh_from_db()
    assert placed.domains == ["xn--bcher-kva.example"]
    with pytest.raises(Invalid, match="belongs to"):
        set_domains(actor=deployer, placement=other_placed, domains=[spelling])
    assert placement_at(f"{spelling}:8080") == placed


def test_an_applications_name_cannot_spell_fairways_own_address(deployer, hello, admin, settings):
    settings.ALLOWED_HOSTS = ["Hello.Example.com"]
    company = create_environment(actor=admin, name="Company", host="example.com")
    (blocker,) = blockers(Act.DEPLOY, Subject(hello, company), deployer)
    assert blocker.code == "host_taken"
    assert "hello.example.com" in blocker.sentence


def test_an_environment_cannot_cover_a_domain_that_is_in_use(admin, deployer, placed):
    set_domains(actor=deployer, placement=placed, domains=["shop.example.com"])
    with pytest.raises(Invalid, match=r"covers shop\.example\.com"):
        create_environment(actor=admin, name="Company", host="Example.com.")
    other = make_environment("other", position=50)
    with pytest.raises(Invalid, match="covers"):
        edit_environment(actor=admin, environment=other, host="example.com")
    set_domains(actor=deployer, placement=placed, domains=[])
    edit_environment(actor=admin, environment=other, host="example.com")


def test_nothing_of_ours_answers_where_nothing_is_wanted(placed):
    assert placement_at("HELLO.staging.localhost.:8080") == placed
    Placement.objects.update(wanted=Wanted.REMOVED)
    assert placement_at("hello.staging.localhost") is None
    assert placement_at("[::1]:80") is None
