from bottle import default_app, route


@route("/")
def home():
    return "hello from requirements-folder"


app = default_app()
