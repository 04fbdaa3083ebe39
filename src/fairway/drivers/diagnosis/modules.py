"""Which package provides a Python module whose name differs from the package's. Pure."""

from __future__ import annotations

# Module → requirement. If several packages provide a module: the one that needs neither a display nor a compiler.
PACKAGES = {
    "attr": "attrs",
    "babel": "Babel",
    "bs4": "beautifulsoup4",
    "cairosvg": "CairoSVG",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "decouple": "python-decouple",
    "discord": "discord.py",
    "distutils": "setuptools",
    "dj_database_url": "dj-database-url",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "environ": "django-environ",
    "fitz": "PyMuPDF",
    "flask_cors": "Flask-Cors",
    "flask_login": "Flask-Login",
    "flask_migrate": "Flask-Migrate",
    "flask_sqlalchemy": "Flask-SQLAlchemy",
    "flask_wtf": "Flask-WTF",
    "git": "GitPython",
    "google.protobuf": "protobuf",
    "jose": "python-jose[cryptography]",
    "jwt": "PyJWT",
    "ldap": "python-ldap",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "multipart": "python-multipart",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "pkg_resources": "setuptools<81",
    "pptx": "python-pptx",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "pythonjsonlogger": "python-json-logger",
    "requests_oauthlib": "requests-oauthlib",
    "rest_framework": "djangorestframework",
    "rest_framework_simplejwt": "djangorestframework-simplejwt",
    "corsheaders": "django-cors-headers",
    "crispy_forms": "django-crispy-forms",
    "debug_toolbar": "django-debug-toolbar",
    "django_filters": "django-filter",
    "storages": "django-storages",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "socketio": "python-socketio",
    "sentry_sdk": "sentry-sdk",
    "telegram": "python-telegram-bot",
    "websocket": "websocket-client",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}


def package_of(module: str) -> str:
    """The package that provides the module: ``PIL.Image`` → ``Pillow``, ``requests.adapters`` → ``requests``."""
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        if found := PACKAGES.get(".".join(parts[:count])):
            return found
    return parts[0].replace("_", "-")
