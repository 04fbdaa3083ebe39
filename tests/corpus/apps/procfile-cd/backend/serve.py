import os

from bottle import route, run


@route("/")
def home():
    return "hello from procfile-cd"


run(host="0.0.0.0", port=int(os.environ["PORT"]))
