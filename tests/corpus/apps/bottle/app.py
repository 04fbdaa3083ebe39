from bottle import route, run


@route("/")
def home():
    return "hello from bottle"


run(host="localhost", port=8080, debug=True)
