"""Settings of the test run: a data directory of its own, the database of FAIRWAY_TEST_DATABASE_URL or SQLite."""

import os
import tempfile

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each program that a test starts would compile all it imports
OWNER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
if os.environ.get("FAIRWAY_DATA_OF") != OWNER:  # test processes beside each other must not share one; their children may
    os.environ |= {"FAIRWAY_DATA": tempfile.mkdtemp(prefix="fairway-tests-"), "FAIRWAY_DATA_OF": OWNER}
if "FAIRWAY_TEST_DATABASE_URL" in os.environ:
    os.environ["FAIRWAY_DATABASE_URL"] = os.environ["FAIRWAY_TEST_DATABASE_URL"]
else:
    os.environ.pop("FAIRWAY_DATABASE_URL", None)

from fairway.config.settings import *  # noqa: E402, F403

if "FAIRWAY_TEST_TEMPLATE" in os.environ:  # a PostgreSQL database that has all tables already
    DATABASES["default"]["TEST"] = {"TEMPLATE": os.environ["FAIRWAY_TEST_TEMPLATE"]}  # noqa: F405

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # only makes signing in fast
MIDDLEWARE = [  # the same, found once
    "tests.services.static_files.FoundOnce" if one == "whitenoise.middleware.WhiteNoiseMiddleware" else one
    for one in MIDDLEWARE  # noqa: F405
]
