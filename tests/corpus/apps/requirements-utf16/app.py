from bottle import default_app, route


@route("/")
def home():
    return "hello from requirements-utf16"


app = default_app()
