"""Settings of a process that knows the engine and nothing else: quick to start, and proof that it needs no other room."""

import os

from fairway.config.databases import database_from_url

SECRET_KEY = "engine tests only"
INSTALLED_APPS = ["tests.engine.engine_only.EngineOnly"]
DATABASES = {"default": database_from_url(os.environ.get("ENGINE_DATABASE_URL", "sqlite:////nonexistent/engine.sqlite3"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
