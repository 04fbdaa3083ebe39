from bottle import default_app, route


@route("/")
def home():
    return "hello from pdm"


app = default_app()
