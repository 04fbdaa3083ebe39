from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def home(request):
    return PlainTextResponse("hello from procfile-uvicorn")


app = Starlette(routes=[Route("/", home)])
