"""Packages that an old release needs in a version of its time without saying so: today's would break it. Pure.

Each line is a release that came without an upper bound which its next one has, or which the change log of the other names.
"""

from __future__ import annotations

import re

# A package, the release from which on it goes with what is new, and what it needs before.
_PARTNERS = (
    ("flask", "2.3", "werkzeug<3"),
    ("flask", "2.0", "werkzeug<2.1"),
    ("flask", "2.0", "jinja2<3.1"),
    ("flask", "2.0", "itsdangerous<2.1"),
    ("flask", "2.0", "markupsafe<2.1"),
    ("jinja2", "3.0", "markupsafe<2.1"),
    ("flask-login", "0.6.3", "werkzeug<3"),
    ("flask-login", "0.6.3", "flask<3"),
    ("flask-sqlalchemy", "3.0", "sqlalchemy<2"),
    ("quart", "0.19", "werkzeug<3"),
    ("dash", "2.3.1", "werkzeug<2.1"),
    ("streamlit", "1.9.2", "protobuf<4"),
    ("streamlit", "1.22", "altair<5"),
    ("pandas", "2.1", "numpy<2"),
    ("scikit-learn", "1.4.2", "numpy<2"),
    ("matplotlib", "3.8.4", "numpy<2"),
    ("opencv-python", "4.10", "numpy<2"),
    ("opencv-python-headless", "4.10", "numpy<2"),
    ("torch", "2.3", "numpy<2"),
    ("openai", "1.55.3", "httpx<0.28"),
)
_LISTED = re.compile(r"\s*(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?P<wish>[=<>!~@][^;#]*)?(?:[;#].*)?\s*")


def partners(requirements: str) -> tuple[str, ...]:
    """Constraints for what the pinned packages need in a version of their time, where nobody says a version of it."""
    wishes = {}
    for line in requirements.splitlines():
        if found := _LISTED.fullmatch(line):
            wishes[re.sub(r"[-_.]+", "-", found["name"]).lower()] = (found["wish"] or "").strip()
    needed = {}
    for package, release, constraint in _PARTNERS:
        pinned = re.fullmatch(r"==\s*(\d[\w.]*)", wishes.get(package, ""))
        other = constraint.partition("<")[0]
        if pinned and _numbers(pinned[1]) < _numbers(release) and not wishes.get(other):
            needed[other] = constraint  # of several the last one, which is for the oldest
    if needed.get("numpy") == "numpy<2" and not wishes.get("pyarrow"):
        needed["pyarrow"] = "pyarrow<19"  # later ones want NumPy 2 without saying so either
    return tuple(needed.values())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
