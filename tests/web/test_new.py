"""A new application: a source, a look, one button."""

from __future__ import annotations

import io
import json
import re
from dataclasses import asdict
from html import unescape

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.html import strip_tags

from fairway.accounts.models import User
from fairway.activity.models import Event
from fairway.applications.files import upload_file
from fairway.applications.models import Application, Configuration, Inspection, Upload
from fairway.deployments.models import Deployment, Placement
from fairway.drivers.builders.contract import Spec
from fairway.drivers.builders.detection.detect import detect
from fairway.environments.commands import lock_environment

FORM = {
    "name": "Shop", "command": "", "port": "8080", "health": "/up", "version": "", "environment": "staging",
    "rows": "2", "name-0": "GREETING", "value-0": "hello", "name-1": "API_KEY", "value-1": "s3cr3t-value", "secret-1": "on",
}  # fmt: skip


@pytest.fixture
def look(deployer) -> Inspection:
    spec = Spec(kind="python", framework="Flask", port=8080, health_path="/up", requires=("DATABASE_URL",))
    return Inspection.objects.create(
        source_kind="git",
        source={"url": "https://git.example.com/team/my-shop.git", "ref": "HEAD"},
        status="done",
        spec=spec.to_json(),
        findings=[{"what": "Flask", "because": "requirements.txt"}],
        created_by_id=deployer.id,
    )


GIT = "https://git.test/shop.git"


@pytest.mark.parametrize(
    ("data", "kind", "source"),
    [
        ({"source": "image", "reference": "registry.test/shop:1"}, "image", {"image": "registry.test/shop:1"}),
        ({"source": "git", "url": GIT, "ref": "main"}, "git", {"url": GIT, "ref": "main"}),
        ({"source": "git", "url": "git@git.test:a.git", "ref": ""}, "git", {"url": "git@git.test:a.git", "ref": "HEAD"}),
    ],
)
def test_a_source_is_looked_at_before_anything_is_made_of_it(deployer, browse, data, kind, source):
    answer = browse(deployer).post("/applications/new", data)
    made = Inspection.objects.get()
    assert answer["Location"] == f"/applications/new/{made.pk}"
    assert (made.source_kind, made.source) == (kind, source)
    assert not Application.objects.exists()
    waiting = browse(deployer).get(answer["Location"]).content.decode()
    assert 'id="inspection"' in waiting


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"source": "image", "reference": "Not An Image"}, "Is not an image reference"),
        ({"source": "git", "url": "https://user:pw@git.test/a.git"}, "olds credentials"),
        ({"source": "git", "url": "--upload-pack=evil"}, "not a repository address"),
    ],
)
def test_a_bad_source_is_told_beside_its_field(deployer, browse, data, sentence):
    answer = browse(deployer).post("/applications/new", data)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Inspection.objects.exists()


@pytest.mark.parametrize("way", ["form", "body"])
def test_an_upload_is_streamed_to_disk_and_looked_at(deployer, browse, way):
    content = b"PK" + b"x" * 700_000
    browser = browse(deployer)
    if way == "form":
        data = {"name": "shop", "archive": SimpleUploadedFile("shop.tar", content)}
        answer = browser.post("/applications/new/upload", data, headers={"accept": "application/json"})
    else:
        answer = browser.post(
            "/applications/new/upload", io.BytesIO(content).read(), content_type="application/octet-stream",
            headers={"accept": "application/json", "x-file-name": "shop"},
        )  # fmt: skip
    stored, look = Upload.objects.get(), Inspection.objects.get()
    assert answer.status_code == 201
    assert json.loads(answer.content) == {"url": f"/applications/new/{look.pk}"}
    assert upload_file(stored.checksum).read_bytes() == content
    assert look.source == {"upload": stored.checksum, "name": "shop"}


def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(deployer, browse, settings):
    settings.MAX_UPLOAD_BYTES = 1000
    folder = upload_file("a" * 64).parent
    before = set(folder.iterdir())
    data = {"archive": SimpleUploadedFile("shop.tar", b"x" * 2000)}
    answer = browse(deployer).post("/applications/new/upload", data)
    assert answer.status_code == 422
    assert "is larger than" in json.loads(answer.content)["error"]
    assert set(folder.iterdir()) == before
    assert not Inspection.objects.exists()


def test_an_upload_without_a_file_says_what_to_choose(deployer, browse):
    answer = browse(deployer).post("/applications/new/upload", {"name": "x"})
    assert answer.status_code == 422
    assert "choose a folder" in json.loads(answer.content)["error"]


def test_what_was_detected_is_shown_with_its_needs_and_where_it_can_go(deployer, manager, browse, look, staging, production):
    lock_environment(actor=manager, environment=production, reason="Stocktaking")
    page = browse(deployer).get(f"/applications/new/{look.pk}").content.decode()
    assert "Flask" in page
    assert "requirements.txt" in page
    assert 'value="DATABASE_URL"' in page
    assert 'value="My shop"' in page
    assert "Production is locked by max: Stocktaking" in page
    assert "http://my-shop.staging.localhost:8080" in page


def test_one_button_creates_configures_and_deploys(deployer, browse, look, staging):
    answer = browse(deployer).post(f"/applications/new/{look.pk}", {**FORM, "then": "deploy"})
    made = Deployment.objects.get()
    assert answer["Location"] == f"/deployments/{made.pk}"
    application, configuration = Application.objects.get(), Configuration.objects.get()
    assert (application.slug, application.spec) == ("shop", None)
    assert configuration.variables == {"GREETING": "hello"}
    assert configuration.secret_names == ["API_KEY"]
    assert made.configuration == configuration
    verbs = list(Event.objects.order_by("pk").values_list("verb", flat=True))
    assert verbs == ["application.created", "configuration.saved", "deployment.requested"]
    assert "s3cr3t-value" not in json.dumps(list(Event.objects.values()), default=str)


@pytest.mark.parametrize("then", ["deploy", "create"])
def test_who_may_open_it_is_chosen_before_anybody_can(deployer, browse, look, staging, then):
    page = browse(deployer).get(f"/applications/new/{look.pk}").content.decode()
    assert '<option value="signed_in">' in page
    browse(deployer).post(f"/applications/new/{look.pk}", {**FORM, "access": "signed_in", "then": then})
    placement = Placement.objects.get()
    assert (placement.access, placement.current) == ("signed_in", None)


def test_what_a_person_changed_is_kept_and_nothing_else(deployer, browse, look, staging):
    changed = {**FORM, "port": "9000", "command": "flask run", "then": "create"}
    answer = browse(deployer).post(f"/applications/new/{look.pk}", changed)
    assert answer["Location"] == "/applications/shop/"
    assert Application.objects.get().spec == {"port": 9000, "command": ["flask", "run"]}
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("change", "sentence", "status"),
    [
        ({"name": ""}, "This field is required", 422),
        ({"name": "Hello"}, "exists already", 422),
        ({"port": "70000"}, "less than or equal to 65535", 422),
        ({"name-0": "1BAD"}, "is not a variable name", 422),
        ({"name-1": "GREETING"}, "is given twice", 422),
        ({"name-0": "PORT"}, "is set by Fairway itself", 422),
        ({"value-1": ""}, "has no value", 422),
    ],
)
def test_all_or_nothing(deployer, browse, look, staging, hello, change, sentence, status):
    answer = browse(deployer).post(f"/applications/new/{look.pk}", {**FORM, **change, "then": "deploy"})
    assert answer.status_code == status
    assert sentence in answer.content.decode()
    assert "s3cr3t-value" not in answer.content.decode()
    assert list(Application.objects.values_list("slug", flat=True)) == ["hello"]
    assert not Configuration.objects.exists()


def test_a_gate_that_closed_meanwhile_makes_nothing(deployer, manager, browse, look, staging):
    lock_environment(actor=manager, environment=staging, reason="Stocktaking")
    answer = browse(deployer).post(f"/applications/new/{look.pk}", {**FORM, "then": "deploy"})
    assert answer.status_code == 409
    assert "Stocktaking" in answer.content.decode()
    assert not Application.objects.exists()


def test_a_look_is_its_makers_own(admin, browse, look):
    assert browse(admin).get(f"/applications/new/{look.pk}").status_code == 404


def test_a_look_that_ended_tells_the_waiting_page_to_reload(deployer, browse, look):
    headers = {"hx-request": "true", "hx-target": "inspection"}
    answer = browse(deployer).get(f"/applications/new/{look.pk}", headers=headers)
    assert answer["HX-Refresh"] == "true"
    Inspection.objects.update(status="running")
    answer = browse(deployer).get(f"/applications/new/{look.pk}", headers=headers)
    assert answer.content.decode().strip().startswith("<section")


def test_what_could_not_be_detected_is_said_by_a_person(deployer, browse, look, staging):
    Inspection.objects.update(spec=None, advice="Add a Procfile.")
    page = browse(deployer).get(f"/applications/new/{look.pk}").content.decode()
    assert "Add a Procfile." in page
    assert '<select name="kind"' in page
    without = browse(deployer).post(f"/applications/new/{look.pk}", {**FORM, "use": "other", "kind": "python"})
    assert without.status_code == 422
    said = {**FORM, "use": "other", "kind": "python", "command": "python serve.py $PORT", "python": "3.12", "then": "create"}
    browse(deployer).post(f"/applications/new/{look.pk}", said)
    assert Application.objects.get().spec == {
        "kind": "python",
        "command": ["python", "serve.py", "{port}"],
        "port": 8080,
        "health_path": "/up",
        "install": {"python": "3.12"},
    }


@pytest.fixture
def several(look) -> Inspection:
    """A look at a Dockerfile, a Flask application, a Node application in a folder, and something in Go."""
    specs = [
        Spec(kind="dockerfile", framework="Dockerfile", install={"dockerfile": "Dockerfile"}),
        Spec(kind="python", framework="Flask", command=("gunicorn", "app:app"), release=("python", "migrate.py")),
        Spec(kind="node", framework="Express", command=("node", "server.js"), root="web", port=3000),
        Spec(kind="program", framework="Go", build=("go", "build")),
    ]
    problems = ["", "", "", "This is Go, for which this machine has no toolchain."]
    look.candidates = [
        {"spec": spec.to_json(), "findings": [], "problem": problem, "offer": "FROM golang" if problem else ""}
        for spec, problem in zip(specs, problems, strict=True)
    ]
    look.candidates[1]["remarks"] = [{"what": "Not started: beat", "because": "Procfile"}]
    look.remarks = [{"what": "Not started: db", "because": "compose.yaml"}]
    look.save()
    return look


def test_the_first_way_that_an_environment_can_run_is_offered_beside_the_others(deployer, browse, several, staging):
    staging.runtime = "process"
    staging.save()
    page = browse(deployer).get(f"/applications/new/{several.pk}").content.decode()
    assert re.search(r"<h1>\s*Flask\s*</h1>", page)
    assert "Not started: db" in page
    assert "Not started: beat" in page
    assert [f'href="?use={way}"' in page for way in (0, 1, 2, 3, "other")] == [True] * 5
    assert 'value="python migrate.py"' in page
    docker = browse(deployer).get(f"/applications/new/{several.pk}?use=0").content.decode()
    assert "It does not run this" in docker
    assert "Not started: beat" not in docker
    blocked = browse(deployer).get(f"/applications/new/{several.pk}?use=3").content.decode()
    assert "no toolchain" in blocked
    assert "FROM golang" in blocked


def test_a_detected_application_is_described_in_french(deployer, browse, look, staging, tmp_path):
    files = {
        "shop.py": "import flask\nimport unheard_of\napp = flask.Flask(__name__)\n",
        "requirements.txt": "flask\n",
        "compose.yaml": "services:\n  web:\n    build: .\n    ports: ['8000', '9000']\n  db:\n    image: postgres:17\n",
        "web/package.json": '{"dependencies": {"vite": "5"}, "scripts": {"build": "vite build"}}',
        "web/index.html": "<script src=/main.ts></script>",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = detect(tmp_path)
    look.candidates = [{**asdict(one), "spec": one.spec.to_json()} for one in found.candidates]
    look.remarks = [asdict(one) for one in found.remarks]
    look.save()
    User.objects.filter(pk=deployer.id).update(language="fr")
    browser = browse(deployer)
    browser.cookies[django_settings.LANGUAGE_COOKIE_NAME] = "fr"
    page = text_of(browser.get(f"/applications/new/{look.pk}?use=0"))
    for french in (
        "Servi par gunicorn app dans shop.py",
        "gunicorn est ajouté requirements.txt ne le mentionne pas",
        "Le code importe unheard_of, et requirements.txt n’a rien de ce nom",
        "compose.yaml a 2 services (web, db) et ne peut pas servir tel quel : compose.yaml, ligne 3 : « services.web »",
        "Image compose.yaml nécessite Docker",
    ):
        assert french in page
    number = next(at for at, one in enumerate(found.candidates) if one.spec.kind == "image")
    blocked = text_of(browser.get(f"/applications/new/{look.pk}?use={number}"))
    assert "compose.yaml exécute seulement postgres:17, un service qu’utilise une application" in blocked
    assert "L’image postgres:17 compose.yaml" in blocked
    english = re.compile(r"Served by|is added|Not started|does not list|has 2 services|The service|listens on")
    assert english.findall(page + blocked) == []


def text_of(answer) -> str:
    """What people read of a page, with single spaces."""
    return " ".join(unescape(strip_tags(answer.content.decode().replace("<", " <"))).split())


@pytest.mark.parametrize(
    ("use", "values", "kept"),
    [
        ("0", {}, {"kind": "dockerfile", "framework": "Dockerfile", "install": {"dockerfile": "Dockerfile"}}),
        ("1", {"command": "gunicorn app:app", "release": "python migrate.py"}, None),
        ("2", {"command": "node server.js", "port": "3000"}, {"root": "web", "kind": "node", "framework": "Express"}),
        ("2", {"command": "node server.js", "port": "3000", "build": "npm run css && npm run js", "volumes": "files: /data"},
         {"root": "web", "kind": "node", "framework": "Express", "volumes": [["files", "/data"]],
          "build": ["npm", "run", "css", "&&", "npm", "run", "js"]}),
    ],
)  # fmt: skip
def test_a_way_that_is_not_taken_anyway_is_remembered(deployer, browse, several, staging, use, values, kept):
    staging.runtime = "process"
    staging.save()
    form = {**FORM, "health": "", "use": use, "then": "create", **values}
    browse(deployer).post(f"/applications/new/{several.pk}", form)
    assert Application.objects.get().spec == kept


def test_another_folder_of_the_source_can_be_looked_at(deployer, browse, look):
    answer = browse(deployer).post(f"/applications/new/{look.pk}", {"then": "look", "folder": "apps/web"})
    again = Inspection.objects.order_by("pk").last()
    assert answer["Location"] == f"/applications/new/{again.pk}"
    assert again.source == {**look.source, "folder": "apps/web"}
    wrong = browse(deployer).post(f"/applications/new/{look.pk}", {"then": "look", "folder": "../etc"}, follow=True)
    assert "Root folder" in wrong.content.decode()
    assert Inspection.objects.count() == 2


def test_a_folder_that_was_looked_at_is_where_the_application_lies(deployer, browse, look, staging):
    Inspection.objects.update(source={**look.source, "folder": "backend"}, spec={**look.spec, "root": "backend"})
    browse(deployer).post(f"/applications/new/{look.pk}", {**FORM, "use": "0", "then": "create"})
    made = Application.objects.get()
    assert (made.source, made.spec) == (look.source, {"root": "backend"})


@pytest.mark.parametrize("path", ["/applications/new", "/applications/new/upload"])
def test_viewers_make_nothing(viewer, browse, path):
    assert browse(viewer).post(path, {"source": "image", "reference": "registry.test/shop:1"}).status_code == 403
    assert not Inspection.objects.exists()
