from bottle import default_app, route


@route("/")
def home():
    return "hello from dockerfile-beside"


app = default_app()
