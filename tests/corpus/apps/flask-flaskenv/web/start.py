from flask import Flask

site = Flask(__name__)


@site.route("/")
def home():
    return "hello from flask-flaskenv"
