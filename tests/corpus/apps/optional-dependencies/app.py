from bottle import default_app, route


@route("/")
def home():
    return "hello from optional-dependencies"


app = default_app()
