from bottle import default_app, route


@route("/")
def home():
    return "hello from setup-py"


app = default_app()
