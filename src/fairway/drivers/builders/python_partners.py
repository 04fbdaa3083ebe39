"""Packages that an old release needs in a version of its time without saying so: the newest would break it. Pure.

Each line is a release that had no upper bound for the other package, although the next release has one or the change log of
the other package says that it breaks it.
"""

from __future__ import annotations

import re

# (package, the first release that works with newer versions, the constraint that earlier releases need).
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
    """Constraints for packages that pinned packages need in a version of their time, unless the requirements name a
    version of them."""
    wishes = {}
    for line in requirements.splitlines():
        if found := _LISTED.fullmatch(line):
            wishes[re.sub(r"[-_.]+", "-", found["name"]).lower()] = (found["wish"] or "").strip()
    needed = {}
    for package, release, constraint in _PARTNERS:
        pinned = re.fullmatch(r"==\s*(\d[\w.]*)", wishes.get(package, ""))
        other = constraint.partition("<")[0]
        if pinned and _numbers(pinned[1]) < _numbers(release) and not wishes.get(other):
            needed[other] = constraint  # of several the last one counts, which is for the oldest releases
    if needed.get("numpy") == "numpy<2" and not wishes.get("pyarrow"):
        needed["pyarrow"] = "pyarrow<19"  # later versions need NumPy 2, also without saying so
    return tuple(needed.values())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
