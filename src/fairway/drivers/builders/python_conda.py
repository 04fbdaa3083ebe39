"""Converts conda's environment.yml into requirements: packages that PyPI has under the same name or a known other one.
Pure."""

from __future__ import annotations

import re

from fairway.drivers.builders.version_ranges import pep440
from fairway.shared.failures import Refused
from fairway.shared.names import Invalid
from fairway.shared.yaml_with_lines import root_of

CONDA_FILES = ("environment.yml", "environment.yaml", "conda.yml", "conda.yaml")
_SPEC = re.compile(r"(?:[\w./-]+::)?(?P<name>[\w.-]+)\s*(?P<wish>[=<>!~^ ].*)?", re.S)
_OTHER_NAMES = {
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
    "psycopg2": "psycopg2-binary",
    "py-opencv": "opencv-python-headless",
    "pytables": "tables",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "tensorflow-base": "tensorflow",
}
# System libraries and tools that conda also packages, and Python's own tools. PyPI packages of these names, if any, are
# something else.
_NOT_PYTHON = re.compile(
    r"_.*|lib.+|python(?:_abi)?|pip|wheel|conda.*|mamba|ca-certificates|openssl|zlib|zlib-ng|xz|bzip2|zstd|lz4-c|tk|sqlite"
    r"|readline|ncurses|ld_impl_.*|tzdata|mkl|mkl[-_].*|blas|openblas|intel-openmp|llvm-openmp|cuda.*|cudnn|cudatoolkit|nccl"
    r"|icu|expat|freetype|fontconfig|jpeg|libpng|openjpeg|giflib|lcms2|pcre2?|glib|gst.*|qt|qt-main|dbus|krb5|c-ares|curl|git"
    r"|gcc.*|gxx.*|gfortran.*|sysroot.*|binutils.*|cmake|make|ninja|nodejs|yarn|r-.*|r|perl|ffmpeg|x264|gmp|mpfr|mpc|yaml"
    r"|vs20.*|vc|ucrt|m2w64-.*|msys2-.*|gdal-data|geos|proj|hdf5|harfbuzz|cairo-?|pandoc|nomkl|snappy|bottleneck-base"
)


def conda_packages(text: str, file: str) -> list[tuple[str, str]]:
    """(name, version as written) of each conda package. Raises `Refused` for a file that cannot be read."""
    found = (_SPEC.fullmatch(line.strip()) for line in _read(text, file)[0])
    return [(match["name"].lower(), (match["wish"] or "").strip()) for match in found if match]


def conda_requirements(text: str, file: str) -> tuple[list[str], list[str]]:
    """(requirements for uv, names that were left out because they are no Python packages). The requirements are the conda
    packages under their names on PyPI, and the ``pip:`` list unchanged. Raises `Refused` for a file that cannot be
    read."""
    wanted, left_out = [], []
    for name, wish in conda_packages(text, file):
        if _NOT_PYTHON.fullmatch(name):
            left_out.append(name)
        else:
            wanted.append(f"{_OTHER_NAMES.get(name, name)}{_versions(name, wish)}")
    return [*wanted, *_read(text, file)[1]], left_out


def _versions(name: str, wish: str) -> str:
    """The version as a specifier of PEP 440. ``=1.26`` and ``1.26.*`` mean a series; the third part, which names the
    build of a binary, is dropped. A package with another name on PyPI gets no version, because versions there may
    differ."""
    if not wish or name in _OTHER_NAMES:
        return ""
    wish = wish.split("|")[-1].strip()
    version = re.fullmatch(r"(?P<operator>=?)\s*(?P<version>[0-9][\w.*]*)(?:\s*=.*|\s.*)?", wish)
    try:
        if not version:
            return pep440(re.sub(r"(?<![=<>!~])=(?=[^=]*$)(?<=\d=).*", "", wish))
        has_build = "=" in wish.lstrip("=")
        is_series = version["operator"] == "=" and not version["version"].endswith("*") and not has_build
        return pep440(f"{version['version']}.*" if is_series else version["version"])
    except ValueError:
        return ""


def _read(text: str, file: str) -> tuple[list[str], list[str]]:
    """(lines of ``dependencies``, lines of the ``pip:`` list in it)."""
    lines: list[str] = []
    for_pip: list[str] = []
    try:
        found = root_of(text, file).get("dependencies") if text.strip() else None
        for item in found.sequence() if found and not found.is_null() else ():
            if item.is_text():
                lines.append(item.text())
            elif (inside := item.get("pip")) is not None and not inside.is_null():
                for_pip += [line.text() for line in inside.sequence()]
    except Invalid as error:
        raise Refused(f"{file} cannot be read: {error}") from error
    return lines, for_pip
