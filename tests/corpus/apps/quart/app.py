from quart import Quart

app = Quart(__name__)


@app.get("/")
async def home():
    return "hello from quart"


if __name__ == "__main__":
    app.run()
