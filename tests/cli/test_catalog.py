"""fairway catalog: what there is, what an entry needs and asks, and installing it."""

from __future__ import annotations

HERE = ("--env", "development")


def test_an_entry_is_found_read_and_installed(fairway):
    assert "jupyterlab" in fairway("catalog", "list").out
    shown = fairway("catalog", "show", "datasette").out
    assert "SITE_TITLE (default: Our data)" in shown
    assert "Colleagues arrive signed in." in shown
    unknown = fairway("catalog", "show", "solitaire")
    assert (unknown.code, "There is no entry “solitaire”" in unknown.err) == (2, True), unknown.err
    public = fairway("catalog", "install", "jupyterlab", *HERE, "--access", "public")
    assert (public.code, "“public” is not offered for JupyterLab" in public.err) == (2, True)
    wrong = fairway("catalog", "install", "datasette", *HERE, "--set", "SITE_TITLE")
    assert (wrong.code, "--set NAME=VALUE" in wrong.err) == (2, True)
    other = fairway("catalog", "install", "datasette", *HERE, "--set", "COLOUR=red")
    assert (other.code, "it asks: SITE_TITLE" in other.err) == (2, True)
    made = fairway.json("catalog", "install", "datasette", "Quay data", *HERE, "--set", "SITE_TITLE=Quay = all", "--no-wait")
    assert (made["application"], made["passwords"]) == ("quay-data", {})
    twice = fairway("catalog", "install", "datasette", "Quay data", *HERE)
    assert (twice.code, "exists already" in twice.err) == (2, True)
    assert "SITE_TITLE" in fairway("config", "show", "quay-data", *HERE).out
    assert "installed Quay data from the catalogue" in fairway("events", "--verb", "application").out
    fairway("cancel", str(made["deployment"]["id"]))
