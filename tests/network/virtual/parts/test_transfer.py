"""Files over real sockets."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from twin.network.virtual.parts.transfer import fetch, send


@pytest.fixture
def server():
    """An HTTP server that keeps what it is given, by method and path."""
    got = {}

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/post"):
                self._answer(405)
                return
            got["PUT", self.path] = body
            self._answer(201)

        def do_POST(self):
            got["POST", self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200)

        def do_GET(self):
            self._answer(200 if self.path == "/fw.bin" else 404, b"firmware")

        def _answer(self, status, body=b""):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", got
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_folder_gets_the_file_under_its_name(server):
    """A URL that ends with a slash is a folder."""
    url, got = server
    send(f"{url}/logs/", "a.log", b"abc")
    assert got == {("PUT", "/logs/a.log"): b"abc"}


def test_post_where_put_is_not_allowed(server):
    """405 to PUT is followed by POST."""
    url, got = server
    send(f"{url}/post", "a.log", b"abc")
    assert got == {("POST", "/post"): b"abc"}


def test_a_file_is_fetched(server):
    """GET brings its bytes; a missing file is an error."""
    url, _ = server
    assert fetch(f"{url}/fw.bin") == b"firmware"
    with pytest.raises(httpx.HTTPStatusError):
        fetch(f"{url}/nothing")


def test_other_schemes_are_refused():
    """No file of this machine can be named."""
    with pytest.raises(ValueError, match="expected http"):
        fetch("file:///etc/passwd")
