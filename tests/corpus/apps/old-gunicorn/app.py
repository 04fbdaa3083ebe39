from bottle import default_app, route


@route("/")
def home():
    return "hello from old-gunicorn"


app = default_app()
