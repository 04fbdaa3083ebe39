from bottle import default_app, route


@route("/")
def home():
    return "hello from pipenv"


app = default_app()
