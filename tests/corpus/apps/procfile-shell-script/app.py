import os

from bottle import route, run


@route("/")
def home():
    return "hello from " + os.environ["SHOP"]


run(host="0.0.0.0", port=int(os.environ["PORT"]))
