"""A key-value store that copies each write to its peers, as far as it reaches them.

GET /key answers with the value or 404, PUT /key stores the body. PEERS are the addresses of
the other nodes, with spaces between.
"""
import os
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

data, peers = {}, os.environ.get("PEERS", "").split()


def copy(peer, key, value):
    request = urllib.request.Request(f"http://{peer}:8000{key}", value, {"X-Copy": "yes"}, method="PUT")
    try:
        urllib.request.urlopen(request, timeout=0.2).close()
    except OSError:
        pass  # it will get the next one


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code, body=b""):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        value = data.get(self.path)
        self.answer(404 if value is None else 200, value or b"")

    def do_PUT(self):
        value = self.rfile.read(int(self.headers["Content-Length"]))
        data[self.path] = value
        if not self.headers.get("X-Copy"):
            copies = [threading.Thread(target=copy, args=(p, self.path, value)) for p in peers]
            for c in copies:
                c.start()
            for c in copies:
                c.join()
        self.answer(201)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
