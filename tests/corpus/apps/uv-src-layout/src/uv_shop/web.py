import os

from bottle import route, run


@route("/")
def home():
    return "hello from uv-src-layout"


def main():
    run(host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
