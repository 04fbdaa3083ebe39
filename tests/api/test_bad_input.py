"""Bad input of every kind: a clear error that names the field, by the API and by the page, and nothing is changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from fairway.accounts.models import User
from tests.api.conftest import Api

IMAGE = {"kind": "image", "image": "example.com/a:1"}
GIT = "https://example.com/x.git"

BAD_SLUGS = {
    "Two Words": "must start with a letter",
    "-a": "must start with a letter",
    "a--b": "must start with a letter",
    "../etc": "must start with a letter",
    "раураl": "letters outside a–z (some look alike)",  # Cyrillic
    "ａpp": "letters outside a–z (some look alike)",  # full width
    "a" * 41: "",
}
BAD_IMAGES = ("UPPER/case:1", "http://example.com/a", "a b", "example.com/a@sha256:12", "--privileged", "a:b:c", "../a")
BAD_REFS = ("--upload-pack=touch /tmp/x", "-b", "a..b", "a b", "x~1", "refs/heads/.lock", "@{-1}")
BAD_PORTS: tuple[Any, ...] = ("eighty", 0, 65536, -1, 80.5, "80/udp", [80])


@pytest.fixture
def counted(hello: Any) -> Any:
    """How many rows of each kind there are; what is refused leaves all of them alone."""

    def count() -> dict[str, int]:
        return {model.__name__: model._default_manager.count() for model in apps.get_app_config("fairway").get_models()}

    return count


def refuse(api: Api, counted: Any, path: str, body: Any, field: str, words: str = "") -> None:
    before = counted()
    answer = api.post(path, body)
    problem = answer.json()
    assert answer.status_code == 422, answer.content
    assert field in problem["errors"][0]["field"], problem
    assert words in problem["detail"]
    assert problem["errors"][0]["sentence"].endswith(".")
    assert counted() == before


@pytest.mark.parametrize(("slug", "words"), BAD_SLUGS.items())
def test_slugs(deployer: Api, counted: Any, slug: str, words: str) -> None:
    refuse(deployer, counted, "/applications", {"name": "x", "slug": slug, "source": IMAGE}, "slug", words)


@pytest.mark.parametrize("image", BAD_IMAGES)
def test_images(deployer: Api, counted: Any, image: str) -> None:
    refuse(deployer, counted, "/applications", {"name": "x", "source": {"kind": "image", "image": image}}, "image")


@pytest.mark.parametrize("ref", BAD_REFS)
def test_git_references(deployer: Api, counted: Any, ref: str) -> None:
    refuse(deployer, counted, "/applications", {"name": "x", "source": {"kind": "git", "url": GIT, "ref": ref}}, "ref")


@pytest.mark.parametrize("port", BAD_PORTS)
def test_ports(deployer: Api, counted: Any, port: Any) -> None:
    refuse(deployer, counted, "/applications", {"name": "x", "source": IMAGE, "spec": {"port": port}}, "port")


def test_an_environment_name_that_exists(admin: Api, counted: Any) -> None:
    refuse(
        admin, counted, "/environments", {"name": "Staging", "host": "s.example.com", "runtime": "process"}, "slug", "exists"
    )


@pytest.mark.parametrize("slug", ["stаging", "ѕtaging", "staging\u200b"])  # noqa: RUF001 -- that is the point
def test_an_environment_that_only_looks_like_another(admin: Api, counted: Any, slug: str) -> None:
    body = {"name": "Staging 2", "slug": slug, "host": "s2.example.com", "runtime": "process"}
    refuse(admin, counted, "/environments", body, "slug", "some look alike")


@pytest.fixture
def page(deployer: Api) -> Client:
    client = Client()
    client.force_login(User.objects.get(username="deployer"))
    return client


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"source": "image", "reference": "UPPER/case:1"}, "Is not an image reference"),
        ({"source": "git", "url": GIT, "ref": "--upload-pack=x"}, "Starts with “-”"),
        ({"source": "git", "url": "ftp://example.com/x.git", "ref": "main"}, ""),
    ],
)
def test_the_page_says_it_beside_the_field(page: Client, counted: Any, form: dict[str, str], words: str) -> None:
    before = counted()
    answer = page.post("/applications/new", form)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert counted() == before


FAR = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")


@pytest.mark.parametrize("moment", FAR)
def test_a_moment_nobody_can_mean(admin: Api, counted: Any, moment: str) -> None:
    body = {"name": "ci", "expires_at": moment}
    refuse(admin, counted, "/tokens", body, "expires_at", "must lie between the years 1970 and 9000")
    answer = admin.get(f"/events?since={moment.replace('+', '%2B')}").json()
    assert (answer["field"], answer["status"]) == ("since", 422)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00", "9999-12-31T23:59", *FAR])
def test_the_page_names_the_field_of_such_a_moment(admin: Api, hello: Any, moment: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    answer = client.post("/environments/staging/lock", {"reason": "Busy", "until": moment})
    assert answer.status_code == 422
    assert "must lie between the years 1970 and 9000" in answer.content.decode()


@pytest.mark.parametrize(("method", "place"), [("get", "/events/"), ("post", "/settings/profile")])
def test_a_nul_is_refused_by_the_name_of_its_field(page: Client, method: str, place: str) -> None:
    answer = getattr(page, method)(place, {"name": "a\x00b"}, headers={"Accept": "application/json"})
    if method == "post":  # a form with files is read by its view, and Django's own fields say it
        answer = page.post(place, "name=a%00b", "application/x-www-form-urlencoded", headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert answer.json() == {"error": "holds a NUL character; remove it.", "field": "name"}
