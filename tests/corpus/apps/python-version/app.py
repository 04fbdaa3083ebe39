import sys

from bottle import default_app, route


@route("/")
def home():
    return f"hello from python-version {sys.version_info.minor}"


app = default_app()
