from bottle import default_app, route


@route("/")
def home():
    return "hello from monorepo"


app = default_app()
