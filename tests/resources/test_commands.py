"""What people may ask for, what is refused and why, and what is written down. No server is needed for that."""

from __future__ import annotations

import pytest

from fairway.accounts.models import RoleGrant
from fairway.accounts.rules import SYSTEM, Blocked, NotVisible, Role
from fairway.activity.models import Event
from fairway.applications.commands import save_configuration
from fairway.applications.queries import latest_configuration
from fairway.applications.secrets import open_secrets, seal
from fairway.deployments.commands.placements import delete_application
from fairway.drivers.resources.contract import Address, Content, Login
from fairway.engine.models import Run
from fairway.environments.commands import delete_environment, edit_environment
from fairway.resources import commands, deleting, progress, queries, restoring
from fairway.resources.models import Backup, Binding, Resource
from fairway.resources.servers import login_of
from fairway.shared.names import Invalid
from tests.conftest import make_environment, make_person


@pytest.fixture
def place(db):
    return make_environment("staging", runtime="process")


@pytest.fixture
def main(deployer, place):
    return commands.create_resource(actor=deployer, environment=place, kind="postgres", name="main")


def bind(actor, resource, application, **more):
    """Bound, as the runs leave it."""
    made = commands.request_binding(actor=actor, resource=resource, application=application, **more)
    return settle(made)


def settle(binding):
    binding = Binding.objects.get(pk=binding.pk)
    progress.bound(binding=binding, address=Address("127.0.0.1", 29001, binding.database, login_of(binding)))
    return Binding.objects.get(pk=binding.pk)


def test_a_resource_is_a_row_an_event_and_a_run(deployer, place):
    made = commands.create_resource(actor=deployer, environment=place, kind="postgres", name="main")
    assert (made.kind, made.version, made.state, made.wanted) == ("postgres", "18.6", "preparing", "running")
    assert 29000 <= made.port <= 29999
    assert Event.objects.get().verb == "resource.requested"
    run = Run.objects.get()
    assert (run.kind, run.key, run.payload) == ("resource", f"resource:{made.pk}", {"resource": made.pk})
    assert len(seal().open(made.sealed_password)) >= 32


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "oracle"}, "kind"),
        ({"name": "Main DB"}, "name"),
        ({"name": ""}, "name"),
        ({"version": "9.6"}, "version"),
        ({"name": "main"}, "name"),
    ],
)
def test_bad_input_names_its_field_and_leaves_nothing(deployer, place, main, values, field):
    given = {"kind": "postgres", "name": "other", **values}
    with pytest.raises(Invalid) as refused:
        commands.create_resource(actor=deployer, environment=place, **given)
    assert refused.value.field == field
    assert Resource.objects.count() == 1


def test_where_no_resource_can_run_it_is_refused_in_words(deployer, staging):
    with pytest.raises(Blocked, match="only where the runtime is process"):
        commands.create_resource(actor=deployer, environment=staging, kind="postgres", name="main")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RELEASE_MANAGER])
def test_who_may_not_is_refused_everything(place, main, hello, deployer, role):
    bound = bind(deployer, main, hello)
    one = make_person("somebody", role)
    asked = [
        lambda: commands.create_resource(actor=one, environment=place, kind="postgres", name="other"),
        lambda: commands.request_start(actor=one, resource=main),
        lambda: commands.request_stop(actor=one, resource=main),
        lambda: deleting.request_deletion(actor=one, resource=main, confirmed="main"),
        lambda: commands.request_binding(actor=one, resource=main, application=hello),
        lambda: commands.request_new_password(actor=one, binding=bound),
        lambda: commands.request_end_of_previous(actor=one, binding=bound),
        lambda: commands.request_unbinding(actor=one, binding=bound, confirmed="hello"),
        lambda: commands.request_backup(actor=one, resource=main),
    ]
    before = Event.objects.count()
    for ask in asked:
        with pytest.raises(Blocked) as refused:
            ask()
        assert refused.value.blockers[0].code == "role"
    assert Event.objects.count() == before


def test_a_deployer_elsewhere_sees_and_changes_nothing(place, main):
    elsewhere = make_environment("other", runtime="process", position=50)
    one = make_person("elsewhere", Role.DEPLOYER, environment=elsewhere)
    assert not queries.visible_to(one).exists()
    with pytest.raises(NotVisible):
        queries.get_resource(one, "staging", "main")
    with pytest.raises(Blocked):
        commands.create_resource(actor=one, environment=place, kind="postgres", name="more")


def test_who_sees_one_application_there_sees_the_resource_but_not_what_all_of_them_said(place, main, hello):
    one = make_person("narrow", Role.DEPLOYER)
    RoleGrant.objects.filter(user_id=one.id).update(application=hello, environment=place)
    from fairway.accounts.models import User
    from fairway.accounts.queries import actor_for
    from fairway.activity.rules import Door

    narrow = actor_for(User.objects.get(pk=one.id), door=Door.WEB)
    assert queries.get_resource(narrow, "staging", "main") == main
    with pytest.raises(NotVisible):
        queries.log_of(narrow, main, tail=10)
    with pytest.raises(Blocked):
        commands.try_it(actor=narrow, resource=main)
    with pytest.raises(Blocked):
        commands.create_resource(actor=narrow, environment=place, kind="postgres", name="more")
    commands.request_binding(actor=narrow, resource=main, application=hello)


def test_the_same_name_is_free_in_another_environment_and_after_a_deletion(deployer, place, main):
    other = make_environment("other", runtime="process", position=50)
    there = commands.create_resource(actor=deployer, environment=other, kind="postgres", name="main")
    assert there.port != main.port
    deleting.request_deletion(actor=deployer, resource=main, confirmed="main")
    progress.removed(resource=main, place="/somewhere")
    again = commands.create_resource(actor=deployer, environment=place, kind="postgres", name="main")
    assert again.server != main.server


def test_a_binding_gives_variables_and_secrets_as_a_new_version(deployer, place, main, hello):
    save_configuration(
        actor=deployer, application=hello, environment=place, variables={"A": "1"}, secrets={"B": "hush hush"}
    )
    bound = bind(deployer, main, hello)
    latest = latest_configuration(hello, place)
    assert (latest.version, bound.configuration_version, bound.state) == (2, 2, "bound")
    assert latest.variables["A"] == "1"
    assert latest.variables["DATABASE_NAME"] == bound.database == f"hello_{hello.pk}"
    secrets = open_secrets(latest)
    assert secrets.keys() == {"B", "DATABASE_PASSWORD", "DATABASE_URL"}
    assert secrets["DATABASE_PASSWORD"] in secrets["DATABASE_URL"]
    assert "configuration.saved" in set(Event.objects.values_list("verb", flat=True))


def test_settled_twice_it_is_one_version(deployer, main, hello, place):
    bound = bind(deployer, main, hello)
    assert settle(bound).configuration_version == bound.configuration_version == latest_configuration(hello, place).version


def test_what_the_configuration_has_is_not_taken_over(deployer, place, main, hello):
    save_configuration(actor=deployer, application=hello, environment=place, secrets={"DATABASE_URL": "postgres://mine"})
    with pytest.raises(Invalid, match="DATABASE_URL") as refused:
        commands.request_binding(actor=deployer, resource=main, application=hello)
    assert refused.value.field == "alias"
    assert bind(deployer, main, hello, alias="other").alias == "other"


def test_an_application_is_bound_once_and_a_name_is_one_resources(deployer, place, main, hello):
    bind(deployer, main, hello)
    with pytest.raises(Invalid, match="already"):
        commands.request_binding(actor=deployer, resource=main, application=hello, alias="more")
    second = commands.create_resource(actor=deployer, environment=place, kind="postgres", name="second")
    with pytest.raises(Invalid, match="main"):
        commands.request_binding(actor=deployer, resource=second, application=hello)
    bind(deployer, second, hello, alias="second")


def test_a_new_password_is_another_login_and_waits_for_the_end_of_the_old(deployer, place, main, hello):
    bound = bind(deployer, main, hello)
    first = open_secrets(latest_configuration(hello, place))["DATABASE_PASSWORD"]
    renewed = commands.request_new_password(actor=deployer, binding=bound)
    assert (renewed.previous_login, renewed.state) == (bound.login, "binding")
    with pytest.raises(Blocked, match="settled"):
        commands.request_new_password(actor=deployer, binding=renewed)
    renewed = settle(renewed)
    assert open_secrets(latest_configuration(hello, place))["DATABASE_PASSWORD"] != first
    assert latest_configuration(hello, place).variables["DATABASE_USER"] == renewed.login
    with pytest.raises(Blocked, match="still works"):
        commands.request_new_password(actor=deployer, binding=renewed)
    commands.request_end_of_previous(actor=deployer, binding=renewed)
    progress.previous_ended(binding=renewed)
    assert commands.request_new_password(actor=deployer, binding=renewed).login_number == 3


def test_bound_nothing_of_it_is_deleted(admin, deployer, place, main, hello):
    bind(deployer, main, hello)
    with pytest.raises(Blocked, match="Hello is bound"):
        deleting.request_deletion(actor=deployer, resource=main, confirmed="main")
    with pytest.raises(Blocked, match="bound to the resource main"):
        delete_application(actor=deployer, application=hello, confirmed="hello")
    with pytest.raises(Blocked, match="The resource main"):
        delete_environment(actor=admin, environment=place)
    with pytest.raises(Blocked, match="The resource main"):
        edit_environment(actor=admin, environment=place, host="elsewhere.localhost")


def test_deleting_and_unbinding_are_confirmed_by_name(deployer, main, hello):
    bound = bind(deployer, main, hello)
    for ask in (
        lambda: deleting.request_deletion(actor=deployer, resource=main, confirmed="mian"),
        lambda: commands.request_unbinding(actor=deployer, binding=bound, confirmed=""),
    ):
        with pytest.raises(Invalid) as refused:
            ask()
        assert refused.value.field == "confirmed"


def test_unbound_its_variables_are_gone_and_the_others_stay(deployer, place, main, hello):
    save_configuration(
        actor=deployer, application=hello, environment=place, variables={"A": "1"}, secrets={"B": "hush hush"}
    )
    bound = bind(deployer, main, hello)
    commands.request_unbinding(actor=deployer, binding=bound, confirmed="hello")
    progress.unbound(binding=bound)
    latest = latest_configuration(hello, place)
    assert (latest.variables, set(latest.marks)) == ({"A": "1"}, {"B"})
    assert not queries.bindings_of(deployer, main)
    again = commands.request_binding(actor=deployer, resource=main, application=hello)
    assert again.database == bound.database
    assert again.login != bound.login


def test_a_binding_that_failed_is_tried_again(deployer, main, hello):
    made = commands.request_binding(actor=deployer, resource=main, application=hello)
    progress.binding_failed(binding=made, sentence="PostgreSQL does not answer.")
    again = commands.request_binding(actor=deployer, resource=main, application=hello)
    assert (again.pk, again.state) == (made.pk, "binding")


def test_what_is_deleted_hears_nothing_any_more(deployer, main):
    deleting.request_deletion(actor=deployer, resource=main, confirmed="main")
    for ask in (commands.request_start, commands.request_stop, commands.request_backup):
        with pytest.raises(NotVisible):
            ask(actor=deployer, resource=main)


def test_a_backup_is_of_each_bound_application(deployer, main, hello):
    with pytest.raises(Blocked, match="nothing to back up"):
        commands.request_backup(actor=deployer, resource=main)
    bind(deployer, main, hello)
    (made,) = commands.request_backup(actor=deployer, resource=main)
    assert (made.application, made.database, made.state) == (hello, f"hello_{hello.pk}", "taking")
    assert Run.objects.filter(kind="resource-backup", key=f"resource:{main.pk}:copies").count() == 1


def test_only_a_verified_backup_replaces_anything_and_never_an_older_server(deployer, place, main, hello):
    bind(deployer, main, hello)
    (made,) = commands.request_backup(actor=deployer, resource=main)
    for failed in (False, True):
        if failed:
            progress.backup_failed(backup=made, sentence="No space.")
        with pytest.raises(Blocked, match="never restored"):
            restoring.request_restore(actor=deployer, backup=Backup.objects.get(), into=main, confirmed="main")
    progress.backup_taken(backup=made, content=Content({"public.t": 1}), file="1.sealed", size_bytes=9, sha256="0" * 64)
    progress.backup_verified(backup=made, content=Content({"public.t": 1}))
    with pytest.raises(Invalid, match="exactly"):
        restoring.request_restore(actor=deployer, backup=Backup.objects.get(), into=main, confirmed="")
    restoring.request_restore(actor=deployer, backup=Backup.objects.get(), into=main, confirmed="main")
    Backup.objects.update(version="19.1")
    with pytest.raises(Blocked, match=r"19\.1"):
        restoring.request_restore(actor=deployer, backup=Backup.objects.get(), into=main, confirmed="main")


def test_into_another_environment_only_an_administrator_restores(admin, deployer, place, main, hello):
    bind(deployer, main, hello)
    (made,) = commands.request_backup(actor=deployer, resource=main)
    progress.backup_taken(backup=made, content=Content({}), file="1.sealed", size_bytes=9, sha256="0" * 64)
    progress.backup_verified(backup=made, content=Content({}))
    other = make_environment("other", runtime="process", position=50)
    there = commands.create_resource(actor=deployer, environment=other, kind="postgres", name="there")
    with pytest.raises(Blocked, match="Admin"):
        restoring.request_restore(actor=deployer, backup=Backup.objects.get(), into=there, confirmed="there")
    restoring.request_restore(actor=admin, backup=Backup.objects.get(), into=there, confirmed="there")
    assert Run.objects.filter(kind="resource-restore", key=f"resource:{there.pk}:copies").count() == 1


def test_the_data_itself_is_for_administrators_and_each_download_is_an_event(admin, deployer, main, hello):
    bind(deployer, main, hello)
    (made,) = commands.request_backup(actor=deployer, resource=main)
    with pytest.raises(Blocked):
        commands.note_download(actor=deployer, backup=made)
    commands.note_download(actor=admin, backup=made)
    assert Event.objects.filter(verb="backup.downloaded", actor_name="ada").count() == 1


def test_a_new_key_seals_their_passwords_too(deployer, main, hello):
    bind(deployer, main, hello)
    before = Resource.objects.get().sealed_password, Binding.objects.get().sealed_password
    assert progress.reseal() == 2
    after = Resource.objects.get().sealed_password, Binding.objects.get().sealed_password
    assert [seal().open(one) for one in before] == [seal().open(one) for one in after]
    assert before != after


def test_what_is_seen_is_an_event_only_when_it_changes(main):
    before = Event.objects.count()
    for state in ("running", "running", "down", "running"):
        progress.observed(resource=main, state=state, sentence="")
    assert list(Event.objects.order_by("id").values_list("verb", flat=True))[before:] == [
        "resource.observed",
        "resource.went_down",
        "resource.observed",
    ]


def test_fairway_itself_may_bind(main, hello):
    assert commands.request_binding(actor=SYSTEM, resource=main, application=hello).created_by == "Fairway"


def test_a_password_is_in_no_repr(deployer, main, hello):
    made = commands.request_binding(actor=deployer, resource=main, application=hello)
    login = login_of(made)
    assert isinstance(login, Login)
    assert login.password not in repr(login)
