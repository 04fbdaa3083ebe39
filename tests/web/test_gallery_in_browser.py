"""What the scripts of the pages do, in a real browser. What holds on every page: `test_pages_in_browser.py`."""

from __future__ import annotations

import io
import itertools
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from fairway.shared.packing import packed_names
from tests.services.browser import chromium
from tests.web.test_gallery import gallery

__all__ = ["gallery"]  # the fixture

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("requestfailed", lambda one: "ERR_ABORTED" in str(one.failure) or errors.append(f"{one.url}: {one.failure}"))
    yield made
    context.close()
    assert errors == []


def test_a_destructive_act_asks_for_the_name(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/")
    page.locator("#placement-development footer .menu.push summary").click()
    page.get_by_role("button", name="Remove from here").click()
    dialog = page.get_by_role("dialog")
    go = dialog.get_by_role("button", name="Remove from here")
    expect(go).to_be_disabled()
    dialog.get_by_role("textbox").fill("storefron")
    expect(go).to_be_disabled()
    dialog.get_by_role("textbox").fill("storefront")
    with page.expect_request("**/gallery/act") as sent:
        dialog.get_by_role("textbox").press("Enter")
    assert "confirm=storefront" in (sent.value.post_data or "")


@pytest.mark.parametrize(("is_ticked", "sends"), [(True, "last_backup=yes"), (False, "last_backup=no")])
def test_a_box_in_the_dialog_is_ticked_at_first_and_sent(page: Page, gallery: str, is_ticked: bool, sends: str) -> None:
    page.goto(f"{gallery}/resources/production/main-db")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    box = dialog.get_by_role("checkbox", name="Take a last backup first")
    expect(box).to_be_checked()
    box.set_checked(is_ticked)
    dialog.get_by_role("textbox").fill("main-db")
    with page.expect_request(lambda one: one.method == "POST") as sent:
        dialog.get_by_role("button", name="Delete").click()
    assert {"confirm=main-db", sends} <= set((sent.value.post_data or "").split("&"))


def test_a_dialog_without_a_box_shows_and_sends_none(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/resources/production/main-db")
    page.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox")).to_have_count(0)
    dialog.get_by_role("textbox").fill("main-db")
    with page.expect_request(lambda one: one.method == "POST") as sent:
        dialog.get_by_role("button", name="Stop").click()
    assert "last_backup" not in (sent.value.post_data or "")


def test_an_act_that_is_not_possible_says_why(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/")
    page.locator("#placement-production .act-why summary").click()
    why = page.locator("#placement-production .act-why .blockers")
    expect(why).to_contain_text("Production is locked by Grace Hopper")
    expect(why).to_be_visible()
    page.keyboard.press("Escape")
    expect(why).to_be_hidden()


def test_the_palette_finds_and_opens(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/environments/new")
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search applications").fill("billing")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_have_text("billing-api")
    page.keyboard.press("Enter")
    page.wait_for_url("**/applications/billing-api")


def test_the_theme_is_remembered_by_a_cookie(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/events/")
    page.locator(".bar-user summary").click()
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_times_can_be_made_exact_everywhere(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/deployments/510")
    time = page.locator("#deployment-head time").first
    expect(time).to_have_text("6 min ago")
    page.keyboard.press("t")
    expect(time).to_have_text(re.compile(r"\d{4}.*\d\d:\d\d:\d\d"))


def test_a_long_log_draws_only_what_is_in_sight(page: Page, gallery: str) -> None:
    page.route("**/deployments/510/log**", lambda route: longer(route, 100_000))
    page.goto(f"{gallery}/deployments/510")
    expect(page.locator("[data-log-count]")).to_have_text("100,000 lines")
    assert page.locator(".log-lines > li").count() < 120
    expect(page.locator(".log-line").last).to_contain_text("100000")
    page.get_by_role("searchbox").fill("refused")
    expect(page.locator("[data-log-matches]")).to_have_text(re.compile(r"^1 of [\d,]+$"))
    assert re.search(r"#L\d+$", page.url)
    page.get_by_role("button", name="Only matching lines").click()
    expect(page.locator(".log-line:not(:has(mark))")).to_have_count(0)


def longer(route: Route, lines: int) -> None:
    route.continue_(url=route.request.url.replace("lines=400", f"lines={lines}"))


def test_a_line_can_be_linked(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/deployments/510#L12-L14")
    expect(page.locator(".log-line.is-marked > a")).to_have_text(["12", "13", "14"])


def test_a_log_goes_on_where_it_stopped_and_repeats_nothing(page: Page, gallery: str) -> None:
    lines = [
        {"n": n, "at": "2026-03-04T12:00:00Z", "step": "start", "stream": "stdout", "text": f"line {n}"}
        for n in (399, 400, 401)
    ]
    body = f"id: 401\nevent: log\ndata: {json.dumps(lines)}\n\nevent: complete\ndata: {{}}\n\n"
    page.route("**/gallery/log-stream**", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    page.goto(f"{gallery}/deployments/512")
    expect(page.locator("[data-log-count]")).to_have_text("401 lines")
    expect(page.locator(".log-line").last).to_contain_text("line 401")


def test_a_fragment_is_swapped_and_an_open_menu_is_left_alone(page: Page, gallery: str) -> None:
    html = '<section id="home-running" data-live="home:running"><h2>Fresh</h2></section>'
    body = f"id: 9\nevent: fragment\ndata: {json.dumps({'topic': 'home:running', 'html': html})}\nretry: 600000\n\n"
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body=body, content_type="text/event-stream")

    page.route("**/live?**", answer)
    page.goto(f"{gallery}/")
    expect(page.locator("#home-running h2")).to_have_text("Fresh")
    assert "after=4711" in asked[0]
    assert "home%3Amatrix" in asked[0]


def test_the_tab_of_a_deployment_follows_its_head(page: Page, gallery: str) -> None:
    failed = f"{gallery}/deployments/509"
    page.goto(failed)
    expect(page).to_have_title(re.compile("^✗ Failed · "))
    head = page.locator("#deployment-head").evaluate("head => head.outerHTML").replace("deployment:509:", "deployment:512:")
    icon = page.locator("link[rel=icon]").get_attribute("href")
    body = f"id: 9\nevent: fragment\ndata: {json.dumps({'topic': 'deployment:512:head', 'html': head})}\nretry: 600000\n\n"
    page.goto(f"{gallery}/deployments/512")
    expect(page).to_have_title(re.compile("^● Running · "))
    assert page.locator("link[rel=icon]").get_attribute("href") != icon
    page.route("**/live?**", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    page.reload()
    expect(page).to_have_title(re.compile("^✗ Failed · "))
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", str(icon))

    page.unroute("**/live?**")  # a hidden tab has no stream
    page.clock.install()
    page.reload()
    expect(page).to_have_title(re.compile("^● Running · "))
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.headers["hx-target"])
        route.fulfill(body=head, content_type="text/html")

    page.route("**/deployments/512", answer)
    page.clock.run_for(31_000)
    expect(page).to_have_title(re.compile("^✗ Failed · "))
    page.clock.run_for(61_000)  # it is over: nothing more is asked
    assert asked == ["deployment-head"]


def test_a_page_without_database_opens_by_itself_when_it_is_back(page: Page, gallery: str) -> None:
    page.clock.install()
    page.goto(f"{gallery}/nobody/database-away")
    page.clock.run_for(6000)  # still away: nothing moves
    expect(page.get_by_role("heading", level=1)).to_have_text("One moment")
    page.route("**/nobody/database-away", lambda route: route.fulfill(body="<h1>Here again</h1>", content_type="text/html"))
    with page.expect_navigation():
        page.clock.run_for(6000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Here again")


ANSI = [
    ("plain", [("plain", "")]),
    ("\x1b[31mred\x1b[0m.", [("red", "a-fg1"), (".", "")]),
    ("\x1b[1;92mok", [("ok", "a-bold a-fg10")]),
    ("\x1b[38;5;196mx\x1b[39my", [("x", "a-fg9"), ("y", "")]),
    ("\x1b[38;2;0;0;230;48;5;3mz", [("z", "a-fg4 a-bg3")]),
    ("\x1b]8;;http://example.com\x07link\x1b]8;;\x07", [("link", "")]),
    ("10%\r50%\r100%\r", [("100%", "")]),
    ("a\x1b[2Kb\x08\x1b[?25lc", [("a", ""), ("b", ""), ("c", "")]),
    ("<b>&amp;", [("<b>&amp;", "")]),
]


def test_terminal_colours(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/events/")
    parse = "async (lines) => { const { parse } = await import('/static/js/ansi.js'); return lines.map(parse); }"
    parsed = page.evaluate(parse, [line for line, _ in ANSI])
    found = [[(one["text"], one["classes"]) for one in pieces] for pieces in parsed]
    assert found == [pieces for _, pieces in ANSI]


def test_a_folder_is_packed_without_what_does_not_belong_on_a_server(page: Page, gallery: str, tmp_path: Path) -> None:
    folder = tmp_path / "my app"
    long = "d" * 60 + "/" + "e" * 60 + "/file.txt"
    for name, text in {
        "app.py": "print()",
        "run": "#!/bin/sh\n",
        ".git/config": "x",
        "node_modules/a/b.js": "x",
        "package.json": "{}",
        "site/node_modules/a.js": "x",
        "web/node_modules/a.js": "x",
        "web/package.json": "{}",
        ".fairwayignore": "!web/node_modules",
        "env/pyvenv.cfg": "x",
        "venv/a": "x",
        "._a": "x",
        ".ruff_cache/a": "x",
        "é.txt": "é",
        long: "deep",
        ".env": "PASSWORD=x",
        ".gitignore": "\ufeff.env\n",
        "web/.gitignore": "*.log\n",
        "web/a.log": "x",
    }.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    received: list[bytes] = []

    def answer(route: Route) -> None:
        received.append(route.request.post_data_buffer or b"")
        route.fulfill(status=201, json={"url": "/gallery/detected"})

    page.route("**/applications/uploads", answer)
    page.goto(f"{gallery}/applications/new")
    page.locator("[data-upload-folder]").set_input_files(folder)
    page.wait_for_url("**/gallery/detected")
    again, history, litter = (
        ".ruff_cache/, env/, node_modules/ (made again by the build)",
        ".git/ (of version control)",
        "._a",
    )
    said = f"Left out: .env, web/a.log (.gitignore); {again}; {history}; {litter} (of macOS or Windows)"
    expect(page.locator("[data-left-out]")).to_have_text(said)
    ours = [
        "package.json",
        "site/node_modules/a.js",
        "web/node_modules/a.js",
        "web/package.json",
        ".fairwayignore",
        "venv/a",
    ]
    assert packed_names(folder) == sorted(["app.py", "run", "é.txt", long, ".gitignore", "web/.gitignore", *ours])
    start = received[0].index(b"Content-Type: application/x-tar\r\n\r\n") + len(b"Content-Type: application/x-tar\r\n\r\n")
    with tarfile.open(fileobj=io.BytesIO(received[0][start:])) as archive:
        assert sorted(archive.getnames()) == packed_names(folder), "as the command line sends it"
        assert archive.extractfile(long).read() == b"deep"  # type: ignore[union-attr]
        assert archive.getmember("run").mode == 0o755
        assert archive.getmember("app.py").mode == 0o644


IGNORED = {
    "anywhere": "*.log\nbuild/\n",
    "from the top": "/secret\n/a/b.txt\na/*.md\n",
    "stars": "**/x\na/**\nb/**/c\n*a*b*c\n",
    "kept again": "*.txt\n!keep.txt\n!/a/\n",
    "letters": "[ab]?.t[!x]t\n[!a]z\n[a-c]1\n",
    "escapes": "\\#hash\n\\!bang\ntrail\\ \nspaces   \n# no\n\n!\n/\nx\\\n",
    "folders": "dist\n!dist/keep\ndocs/\n!docs/a.md\n",
    "marks": "\ufeff.env\r\n*.key\r\n",
}
FILES = [
    *("x.log", "a/x.log", "build/o", "a/build/o", "build2/o", "secret", "a/secret", "a/b.txt", "b/a/b.txt", "a/r.md"),
    *("a/c/r.md", "x", "a/x", "a/b/x", "b/c", "b/d/c", "b/d/e/c", "zazbzc", "keep.txt", "a/keep.txt", "other.txt", "ab.txt"),
    *("bc.txt", "cc.txt", "az", "bz", "a1", "d1", "#hash", "!bang", "spaces", "dist/keep", "dist/o", "docs/a.md"),
    *("docs/b.md", ".env", "a/.env", "my.key", "Dockerfile", "trail "),
]


def test_a_browser_leaves_out_what_the_command_line_does(page: Page, gallery: str, tmp_path: Path) -> None:
    page.goto(f"{gallery}/applications/new")
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    places = (".gitignore", ".dockerignore", ".fairwayignore", "a/.gitignore")
    for file, (about, text) in itertools.product(places, IGNORED.items()):
        (tmp_path / file).write_bytes(text.encode())
        kept = page.evaluate(
            """async ([address, paths, file, text]) => {
              const { leaves, textOf } = await import(address);
              const isLeftOut = leaves(new Map([[file, textOf(new TextEncoder().encode(text).buffer)]]));
              return [...paths, file].filter((path) => !isLeftOut(path)).sort();
            }""",
            [f"{gallery}/static/js/ignore.js", FILES, file, text],
        )
        assert sorted(kept) == packed_names(tmp_path), f"{about} in {file}"
        (tmp_path / file).unlink()


def test_a_browser_reads_text_as_editors_write_it(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/new")
    text = "*.log\n# été 🚢\n"
    for encoding in ("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be"):
        mark = "\ufeff" if encoding.endswith("-be") else ""
        read = page.evaluate(
            "async ([address, bytes]) => (await import(address)).textOf(new Uint8Array(bytes).buffer)",
            [f"{gallery}/static/js/ignore.js", list((mark + text).encode(encoding))],
        )
        assert read == text, encoding


def test_a_refused_upload_says_why_and_can_be_tried_again(page: Page, gallery: str, tmp_path: Path) -> None:
    (tmp_path / "app.zip").write_bytes(b"not a zip")
    page.route("**/applications/uploads", lambda route: route.fulfill(status=422, json={"error": "This is not a zip file."}))
    page.goto(f"{gallery}/applications/new")
    page.locator("[data-upload-file]").set_input_files(tmp_path / "app.zip")
    expect(page.get_by_role("alert")).to_have_text("This is not a zip file.")
    expect(page.get_by_text("Drop a folder, a zip or a tar file here")).to_be_visible()


def test_what_was_chosen_before_the_script_came_is_sent_all_the_same(page: Page, gallery: str, tmp_path: Path) -> None:
    (tmp_path / "app.zip").write_bytes(b"not a zip")
    page.route("**/applications/uploads", lambda route: route.fulfill(status=422, json={"error": "This is not a zip file."}))
    late: list[Route] = []
    page.route("**/upload.js", lambda route: late.append(route))  # noqa: PLW0108 - it is asked for its signature
    with page.expect_request("**/upload.js"):
        page.goto(f"{gallery}/applications/new", wait_until="commit")
    page.locator("[data-upload-file]").set_input_files(tmp_path / "app.zip")
    late[0].continue_()
    expect(page.get_by_role("alert")).to_have_text("This is not a zip file.")


def test_variables_can_be_added_and_removed(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/configuration")
    page.get_by_role("button", name="Add a variable").click()
    page.keyboard.type("NEW_ONE")
    assert page.locator("input[name=name-5]").input_value() == "NEW_ONE"
    assert page.locator("input[name=rows]").input_value() == "6"
    page.locator("#secret-5").check()
    veil = page.locator("textarea[name=value-5]").evaluate("(one) => getComputedStyle(one).webkitTextSecurity")
    assert veil == "disc"
    page.get_by_role("button", name="Remove LOG_LEVEL").click()
    expect(page.locator("input[name=name-3]")).to_have_count(0)


def test_a_chart_is_read_with_the_keyboard_and_tells_what_happened(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/metrics")
    chart = page.locator("[data-chart=cpu]")
    slider = chart.get_by_role("slider")
    expect(slider).to_have_attribute("aria-label", "CPU: move along the time with the arrow keys")
    slider.focus()
    page.keyboard.press("Home")
    first = slider.get_attribute("aria-valuetext") or ""
    assert re.search(r"web: 0\.\d+ cores; worker: 0\.\d+ cores; db: 0\.\d+ cores", first)
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "1")
    expect(slider).not_to_have_attribute("aria-valuetext", first)
    for _ in range(3):
        page.keyboard.press("PageUp")  # a twelfth of the points
    expect(slider).to_have_attribute("aria-valuenow", "91")
    page.keyboard.press("ArrowLeft")
    expect(chart.locator("[data-chart-note]")).to_contain_text("Deployment #510: version 2.14.0 went live, requested by Ada")
    page.keyboard.press("Tab")
    expect(chart.locator("[data-chart-note]")).to_be_empty()


def test_a_chart_begins_where_something_is_known(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/gallery/metrics-plain")
    slider = page.locator("[data-chart=cpu]").get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "298")  # of 359 points, the last sixth
    expect(slider).to_have_attribute("aria-valuemin", "298")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("CPU: not measured"))
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"CPU: 0\.0\d+ cores"))


def test_a_mark_is_told_where_the_pointer_is(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/metrics")
    chart = page.locator("[data-chart=memory]")
    chart.scroll_into_view_if_needed()
    box = chart.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 40 / 360, box["y"] + 60)
    expect(chart.locator("[data-chart-note]")).to_contain_text("Closed by the freeze window “Quarter’s end” for 3 h 20 min")
    page.mouse.move(box["x"] + box["width"] * 230 / 360, box["y"] + 60)
    expect(chart.locator("[data-chart-note]")).to_contain_text("3 restarts")
    expect(chart.locator("[data-chart-legend]")).to_contain_text(re.compile(r"web \d+ MB"))


def test_a_chart_is_a_table_too(page: Page, gallery: str) -> None:
    page.goto(f"{gallery}/applications/storefront/metrics")
    chart = page.locator("[data-chart=requests]")
    chart.get_by_text("As a table").click()
    assert chart.locator("thead th").all_text_contents() == ["Time", "2xx", "3xx", "4xx", "5xx", "What happened"]
    assert chart.locator("tbody tr").count() == 355, (
        "360 intervals without five of which nothing is known; in a sixth it was stopped"
    )
    expect(chart.locator("tbody")).to_contain_text("Deployment #511, requested by Linus: Failed")


def test_charts_take_the_newest_values_and_the_colours_of_the_theme(page: Page, gallery: str) -> None:
    page.clock.install()
    page.goto(f"{gallery}/applications/storefront/metrics")
    expect(page.locator("[data-figure=web] [data-figure-memory]")).to_contain_text("of 512 MB")
    newer = page.request.get(f"{gallery}/applications/storefront/in/staging/metrics").json()
    newer["figures"][0]["memory"] = "444 MB of 512 MB"
    newer["marks"] = [{**newer["marks"][-1], "text": "Somebody restarted it"}]
    page.route("**/in/staging/metrics**", lambda route: route.fulfill(json=newer))
    page.clock.run_for(61_000)
    expect(page.locator("[data-figure=web] [data-figure-memory]")).to_have_text("444 MB of 512 MB")
    expect(page.locator("[data-happened] li")).to_have_text([re.compile("Somebody restarted it")])
    page.unroute("**/in/staging/metrics**")
    page.route("**/in/staging/metrics**", lambda route: route.fulfill(status=503))
    page.clock.run_for(61_000)
    expect(page.locator("[data-chart=cpu] [data-chart-note]")).to_contain_text("could not be loaded")
    drawn = "document.querySelector('[data-chart=cpu] canvas').toDataURL()"
    light = page.evaluate(drawn)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"light => {drawn} !== light", arg=light)
