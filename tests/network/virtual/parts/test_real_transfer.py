"""Files over real sockets."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from twin.network.api.files import FileService
from twin.network.api.ftp import FtpService
from twin.network.ocpp.security.authority import Authority
from twin.network.ocpp.security.certificates import instant
from twin.network.ocpp.wire.tls import client_context, server_context
from twin.network.virtual.parts.real_transfer import fetch, send


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


def test_a_log_goes_up_and_a_firmware_comes_down_by_ftp(tmp_path):
    """The address brings user and password; its folder gets the file under its name."""
    files = FileService(tmp_path / "files", "http://127.0.0.1:1", largest=1000)
    folder = files.folder("firmware")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fw.bin").write_bytes(b"firmware")
    service = FtpService(files, "ftp://127.0.0.1:0")
    try:
        send(service.upload_url("CP1"), "a.log", b"lines")
        assert files.upload("CP1", "a.log").read_bytes() == b"lines"
        assert fetch(service.firmware_url("fw.bin")) == b"firmware"
    finally:
        service.close()


class FtpsServer:
    """Takes one file from one client: explicit TLS on both connections, as RFC 4217 says."""

    def __init__(self, tls):
        self._tls, self.said, self.data = tls, [], b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def join(self):
        self._thread.join()

    def _serve(self):
        with self._socket, self._socket.accept()[0] as plain:
            plain.sendall(b"220 ready\r\n")
            assert plain.recv(100) == b"AUTH TLS\r\n"
            plain.sendall(b"234 now\r\n")
            with self._tls.wrap_socket(plain, server_side=True) as control, control.makefile("rb") as lines:
                for line in lines:
                    verb, _, rest = line.decode().strip().partition(" ")
                    self.said.append(f"{verb} {rest}".strip())
                    if verb == "STOR":
                        control.sendall(b"150 send\r\n")
                        self.data = self._receive()
                        control.sendall(b"226 done\r\n")
                    else:
                        control.sendall(self._reply(verb))
                    if verb == "QUIT":
                        return

    def _reply(self, verb):
        if verb in {"EPSV", "PASV"}:
            self._waiting = socket.create_server(("127.0.0.1", 0))
            port = self._waiting.getsockname()[1]
            return f"227 (127,0,0,1,{port // 256},{port % 256})\r\n".encode()
        return {"USER": b"331 password\r\n", "PASS": b"230 in\r\n"}.get(verb, b"200 ok\r\n")

    def _receive(self):
        plain = self._waiting.accept()[0]
        with (
            self._waiting,
            self._tls.wrap_socket(plain, server_side=True) as data,
            data.makefile("rb") as file,
        ):
            sent = file.read()
            data.unwrap()
            return sent


def test_a_log_goes_up_by_ftps(tmp_path):
    """Both connections are secured, the server's certificate is checked."""
    at = instant(time.time_ns(), 0.0)
    authority = Authority.create(at)
    made = authority.server(["127.0.0.1"], at)
    for name, text in (("ca", authority.pem), ("cert", made.certificate_pem), ("key", made.key_pem)):
        (tmp_path / name).write_text(text)
    server = FtpsServer(server_context(tmp_path / "cert", tmp_path / "key"))
    url = f"ftps://cp1:secret@127.0.0.1:{server.port}/logs/"
    send(url, "a.log", b"lines", lambda: client_context(tmp_path / "ca"))
    server.join()
    assert server.data == b"lines"
    assert server.said[:4] == ["USER cp1", "PASS secret", "PBSZ 0", "PROT P"]
    assert "STOR logs/a.log" in server.said
