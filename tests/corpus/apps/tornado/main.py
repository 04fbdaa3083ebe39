import asyncio

import tornado.web


class Home(tornado.web.RequestHandler):
    def get(self):
        self.write("hello from tornado")


async def main():
    app = tornado.web.Application([(r"/", Home)])
    app.listen(8888)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
