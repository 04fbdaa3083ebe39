from bottle import default_app, route


@route("/")
def home():
    return "hello from poetry"


app = default_app()
