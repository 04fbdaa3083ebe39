from aiohttp import web


async def home(request):
    return web.Response(text="hello from aiohttp")


app = web.Application()
app.router.add_get("/", home)

if __name__ == "__main__":
    web.run_app(app)
