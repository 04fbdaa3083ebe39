from http.server import BaseHTTPRequestHandler, HTTPServer


class Home(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from fixed-port")


HTTPServer(("127.0.0.1", 8991), Home).serve_forever()
