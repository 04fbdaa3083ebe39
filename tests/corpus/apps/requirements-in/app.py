from bottle import default_app, route


@route("/")
def home():
    return "hello from requirements-in"


app = default_app()
