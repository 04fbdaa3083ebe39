import os

from bottle import route, run


@route("/")
def home():
    return open("prepared.txt").read()


run(host="0.0.0.0", port=int(os.environ["BOTTLE_PORT"]))
