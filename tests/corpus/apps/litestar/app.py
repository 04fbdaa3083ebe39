from litestar import Litestar, get


@get("/")
async def home() -> str:
    return "hello from litestar"


app = Litestar([home])
