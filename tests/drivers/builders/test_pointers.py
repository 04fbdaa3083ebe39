"""A pointer of Git LFS goes live nowhere as the file it stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairway.drivers.builders.bundle import BundleBuilder
from fairway.drivers.builders.contract import BuildRequest, Checkout, Spec
from fairway.drivers.builders.exclusions import of_source
from fairway.drivers.builders.image_context import included
from fairway.drivers.builders.pointers import names_in, refuse_pointers
from fairway.shared.failures import Refused

from .conftest import Heard
from .folders import make

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
SITE = Spec(kind="static", install={"publish": "public"})
BUILT = Spec(kind="static", install={"publish": "dist"}, build=("npm", "run", "build"))
PROGRAM = Spec(kind="python")


@pytest.mark.parametrize(
    ("spec", "name", "is_refused"),
    [
        (SITE, "public/video.mp4", True),
        (SITE, "public/docs/video.mp4", True),
        (SITE, "design/logo.psd", False),  # not published
        (BUILT, "src/logo.png", True),
        (BUILT, "docs/logo.png", False),
        (PROGRAM, "model.bin", True),
        (PROGRAM, "app/deep/er/model.bin", True),
        (PROGRAM, "tests/data/model.bin", False),
        (PROGRAM, "docs.bin", True),
    ],
)
def test_a_pointer_is_refused_where_the_file_matters(
    tmp_path: Path, heard: Heard, spec: Spec, name: str, is_refused: bool
) -> None:
    make(tmp_path, {name: POINTER, "public/index.html": "hi", "app.py": ""})
    names = list(names_in(tmp_path, of_source))
    if not is_refused:
        refuse_pointers(tmp_path, spec, names, heard)
        assert heard.lines == ([] if spec is SITE else [line_about(name)])
        return
    with pytest.raises(Refused) as caught:
        refuse_pointers(tmp_path, spec, names, heard)
    assert f"1 file holds only a pointer ({name})" in caught.value.sentence


def line_about(name: str) -> str:
    return f"1 file holds only a pointer ({name}) of Git LFS instead of the file itself; nothing seems to need it."


def test_what_is_ignored_or_only_speaks_of_pointers_is_no_pointer(tmp_path: Path, heard: Heard) -> None:
    make(tmp_path, {"data/model.bin": POINTER, "long.txt": POINTER * 20, "notes": f"# {POINTER}", "empty": ""})
    (tmp_path / "link").symlink_to("data/model.bin")
    refuse_pointers(tmp_path, Spec(kind="dockerfile"), included(tmp_path, ["data"]), heard)
    with pytest.raises(Refused, match="data/model.bin"):
        refuse_pointers(tmp_path, Spec(kind="dockerfile"), included(tmp_path, []), heard)


def test_a_bundle_with_a_pointer_is_not_built(tmp_path: Path, heard: Heard) -> None:
    folder = make(tmp_path / "app", {f"public/{number}.mp4": POINTER for number in range(5)})
    request = BuildRequest("app", Checkout(folder, "0" * 64), SITE)
    with pytest.raises(Refused, match=r"5 files hold only a pointer \(public/0.mp4, public/1.mp4, public/2.mp4, …\)"):
        BundleBuilder(tmp_path / "data").build(request, heard)
