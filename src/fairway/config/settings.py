"""Django's settings, read from the data directory and a few environment variables. Wiring only."""

from __future__ import annotations

import os
from pathlib import Path

from fairway.config.data import DataDirectory
from fairway.config.databases import database_from_url, sqlite_database
from fairway.config.own_pages import own_host
from fairway.config.variables import chosen, networks, number, whole
from fairway.shared.hostnames import ascii_host_address

ADDRESSES = ("public", "intranet", "any")
DATA = DataDirectory(Path(os.environ.get("FAIRWAY_DATA", "~/.local/share/fairway")).expanduser())
DEBUG = False
SECRET_KEY = DATA.secret_key()
FIELD_KEYS = DATA.field_keys()  # newest first; see fairway.shared.sealing
HEAD_KEY = DATA.head_key()  # see fairway.activity.heads

WEB_PORT = whole("FAIRWAY_PORT", 8000, most=65535)
PROXY_PORT = whole("FAIRWAY_PROXY_PORT", 8080, most=65535)
PROXY_TLS_PORT = whole("FAIRWAY_PROXY_TLS_PORT", 0, most=65535) or None
ACME_DIRECTORY = os.environ.get("FAIRWAY_ACME_DIRECTORY", "")
PROXY_TLS_ISSUER = chosen("FAIRWAY_PROXY_TLS_ISSUER", "acme", ("acme", "internal"))
PROXY_BINDS = os.environ.get("FAIRWAY_PROXY_BINDS", "127.0.0.1,::1").split(",")
SOURCE_ADDRESSES = chosen("FAIRWAY_SOURCE_ADDRESSES", "intranet", ADDRESSES)
SIGN_IN_ADDRESSES = chosen("FAIRWAY_SIGN_IN_ADDRESSES", "intranet", ADDRESSES)  # where sign-in providers may be; as above
NOTIFY_ADDRESSES = chosen("FAIRWAY_NOTIFY_ADDRESSES", "intranet", ADDRESSES)  # where notifications may go; as above
ALLOW_FILE_SOURCES = os.environ.get("FAIRWAY_ALLOW_FILE_SOURCES") == "1"  # with file:// people can read this machine's disk
PYTHON_DOWNLOADS = chosen("FAIRWAY_PYTHON_DOWNLOADS", "on", ("on", "off", "only"))  # only: not this machine's
PYTHON_MIRROR = os.environ.get("FAIRWAY_PYTHON_MIRROR", "")
# Addresses or networks of the proxies in front of Fairway whose headers with the client's address are trusted.
TRUSTED_PROXIES = networks("FAIRWAY_TRUSTED_PROXIES")
_by_proxy = chosen("FAIRWAY_PAGES_BY_PROXY", "auto", ("auto", "on", "off"))
PUBLIC_URL = ascii_host_address(os.environ.get("FAIRWAY_PUBLIC_URL", f"http://localhost:{WEB_PORT}").rstrip("/"))
# The host at which the proxy serves Fairway's own pages; empty if it does not.
OWN_HOST = own_host(PUBLIC_URL, _by_proxy, PROXY_PORT, PROXY_TLS_PORT)
IS_DEMO = os.environ.get("FAIRWAY_DEMO") == "1"

_allowed = os.environ.get("FAIRWAY_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
ALLOWED_HOSTS = [ascii_host_address(name) for name in _allowed.split(",")]
if OWN_HOST and OWN_HOST not in ALLOWED_HOSTS:
    ALLOWED_HOSTS.append(OWN_HOST)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.idp.oidc",
    "django_htmx",
    "template_partials",
    "fairway",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "fairway.web.middleware.SafeHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "fairway.web.middleware.PersonLanguage",
    "fairway.web.middleware.ReaderZone",
    "fairway.web.middleware.EventNumber",
    "fairway.web.middleware.FreezesReadOnce",
    "fairway.web.middleware.RefusalsNoted",
    "fairway.web.middleware.DomainErrors",
]

ROOT_URLCONF = "fairway.config.urls"
ASGI_APPLICATION = "fairway.config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent.parent / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "fairway.web.context.shell",
            ],
            "libraries": {"fairway": "fairway.web.templatetags.fairway", "kept": "fairway.web.templatetags.kept"},
            "builtins": ["django.templatetags.i18n", "template_partials.templatetags.partials"],
        },
    }
]

_url = os.environ.get("FAIRWAY_DATABASE_URL", "")
DATABASES = {"default": database_from_url(_url) if _url else sqlite_database(DATA.private_file("fairway.sqlite3"))}
# One-time codes, rate limits and counts of failed sign-ins. They are in the database, so that all web processes share them
# and a restart does not lose them.
# Django keeps 300 entries by default and then drops others: whoever fails often under many names would forget their tries.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "fairway_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "fairway.User"
AUTHENTICATION_BACKENDS = ["fairway.accounts.backend.Backend"]
# New passwords are hashed by the first, which takes half the time of PBKDF2 and also memory (OWASP Password Storage Cheat
# Sheet).
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # otherwise anybody could make Fairway send mail to any address
ACCOUNT_ADAPTER = "fairway.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "change_password": "fairway.web.password_forms.ChangePasswordForm",
    "reset_password": "fairway.accounts.backend.ForgottenForm",
}
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "fairway.accounts.reset_tokens.ResetTokens"  # noqa: S105 -- a class, no password
IDP_OIDC_ADAPTER = "fairway.catalog.openid.Adapter"
IDP_OIDC_AUTHORIZATION_CODE_EXPIRES_IN = 60
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = 60 * 60
IDP_OIDC_CIMD_ENABLED = IDP_OIDC_DCR_ENABLED = False  # no clients but those of applications that run here
MFA_ADAPTER = "fairway.accounts.adapter.MfaAdapter"
MFA_TOTP_TOLERANCE = 1  # a code of the half minute before or after is taken, too; each only once (accounts/two_step.py)
MFA_RECOVERY_CODE_DIGITS = 12
CSRF_FAILURE_VIEW = "fairway.web.errors.csrf_failure"

IS_HTTPS = PUBLIC_URL.startswith("https://")
_HOST_ONLY = "__Host-" if IS_HTTPS else ""  # browsers accept such a cookie only from this very host, and only over HTTPS
SESSION_COOKIE_NAME = f"{_HOST_ONLY}fairway_session"
SESSION_ENGINE = "fairway.accounts.session_store"
SESSION_HOURS = number("FAIRWAY_SESSION_HOURS", 14 * 24, least=0.1)  # after which people sign in again
SESSION_IDLE_MINUTES = number("FAIRWAY_SESSION_IDLE_MINUTES", 0)  # the same without use; 0: no such limit
SESSION_COOKIE_AGE = int(SESSION_HOURS * 3600)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_NAME = f"{_HOST_ONLY}fairway_csrf"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # uploads stream to disk; forms are small
FILE_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
FILE_UPLOAD_TEMP_DIR = None
MAX_UPLOAD_BYTES = whole("FAIRWAY_UPLOAD_MB", 1024, least=1) * 2**20
SOURCE_FILES = whole("FAIRWAY_SOURCE_FILES", 20000, least=1)  # the most files, folders and links in one source
HEADER_SECONDS = number("FAIRWAY_HEADER_SECONDS", 10)  # within which a request's header must be complete
SLOW_SECONDS = number("FAIRWAY_SLOW_SECONDS", 30)  # over which the speed of a request or answer is measured
SLOW_BYTES = number("FAIRWAY_SLOW_BYTES", 500)  # a second; the least speed of a body, or of an answer
UNFINISHED_REQUESTS = whole("FAIRWAY_UNFINISHED_REQUESTS", 64, least=1)  # the most incomplete requests of one address
STREAMS_PER_PERSON = whole("FAIRWAY_STREAMS_PER_PERSON", 200, least=1)  # live pages and logs, per web process
DOWNLOADS_PER_PERSON = whole("FAIRWAY_DOWNLOADS_PER_PERSON", 4, least=1)  # exports and whole logs, per web process

WORKER_SLOTS = whole("FAIRWAY_WORKER_SLOTS", 4, least=1)
LEASE_SECONDS = number("FAIRWAY_LEASE_SECONDS", 10, least=1)
AWAY_ATTEMPTS = whole("FAIRWAY_AWAY_ATTEMPTS", 30, least=1)  # if a host cannot be reached; 30 take five minutes
HEALTH_SECONDS = number("FAIRWAY_HEALTH_SECONDS", 60)  # within which a new version must be ready
DRAIN_SECONDS = number("FAIRWAY_DRAIN_SECONDS", 30)  # within which old instances may finish their requests
PREVIEWS = whole("FAIRWAY_PREVIEWS", 20, least=1, most=500)  # at the same time, of one application in one environment
PREVIEW_DAYS = whole("FAIRWAY_PREVIEW_DAYS", 7, least=1, most=365)  # without a push, after which a preview is removed
LOG_DAYS = number("FAIRWAY_LOG_DAYS", 90)  # for which the logs and step times of deployments are kept
LOG_BYTES = whole("FAIRWAY_LOG_MB", 2048) * 2**20  # the most text that all these logs have together
HEAD_SECONDS = number("FAIRWAY_HEAD_SECONDS", 60)  # between two signed heads of the event chain
HEADS_TO = os.environ.get("FAIRWAY_HEADS_TO", "")  # an external copy of them: a folder, or an https URL that accepts POST
CANARY_SECONDS = number("FAIRWAY_CANARY_SECONDS", 60)  # for which a canary keeps each of its shares of the requests
WATCH_SECONDS = number("FAIRWAY_WATCH_SECONDS", 300)  # for which a new version is watched
WATCH_EVERY_SECONDS = number("FAIRWAY_WATCH_EVERY_SECONDS", 10)

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LOCALE_PATHS = [Path(__file__).parent.parent / "locale"]
LANGUAGE_COOKIE_NAME = "fairway_language"
LANGUAGE_COOKIE_SECURE = IS_HTTPS
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [Path(__file__).parent.parent / "web" / "static"]
STATIC_ROOT = None  # files are served from the package, so nothing is collected that could become outdated
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "fairway.accounts.mailing.Backend"  # never the console's, which would write links into the log
LOGGING_CONFIG = None
