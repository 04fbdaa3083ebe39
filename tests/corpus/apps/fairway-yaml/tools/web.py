import sys

from bottle import route, run


@route("/")
@route("/well")
def home():
    return "hello from fairway-yaml"


run(host="0.0.0.0", port=int(sys.argv[sys.argv.index("--listen") + 1]))
