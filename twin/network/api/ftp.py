"""The file service over FTP, which many chargers of 1.6 want for firmware and diagnostics; plain text, loopback by default.

Each station has a user of its own that can only store files; one user can only read firmware. Passwords are keyed
digests in the address that the station is given. It runs in a thread of its own, with a loop of its own.
"""

from __future__ import annotations

import hmac
import threading
from pathlib import Path
from urllib.parse import urlsplit

from pyftpdlib import ioloop  # first: it silences what asyncore says of itself
from pyftpdlib.exceptions import AuthenticationFailed
from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.servers import FTPServer

from twin.errors import SettingsError
from twin.network.api.files import FIRMWARE, FileService

_LOOK_S = 0.2
"""How often the thread looks whether it is to end."""
_CONNECTIONS = 64


class FtpService:
    """Serves the folders of a file service.

    Args:
        files: Whose.
        url: Where: `ftp://127.0.0.1:2121`; port 0: any free one.

    Raises:
        SettingsError: The address cannot be listened on.
    """

    def __init__(self, files: FileService, url: str) -> None:
        self._files = files

        class Transfer(DTPHandler):
            def handle_read(self) -> None:
                super().handle_read()
                if self.tot_bytes_received > files.largest and not self.transfer_finished:
                    self.cmd_channel.respond("552 too large")
                    self.close()  # counts as incomplete: the part is removed

            handle_read_event = handle_read

        class Session(FTPHandler):
            authorizer = _Users(files)
            dtp_handler = Transfer
            banner = "ready"
            max_login_attempts = 3

            def on_incomplete_file_received(self, file: str) -> None:
                Path(file).unlink(missing_ok=True)

        parts = urlsplit(url)
        try:
            if parts.scheme != "ftp" or not parts.hostname or parts.path.strip("/"):
                raise SettingsError(f"--ftp {url}: expected ftp://HOST:PORT")
            address = parts.hostname, 21 if parts.port is None else parts.port
            self._server = FTPServer(address, Session, ioloop=ioloop.IOLoop())
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"--ftp {url}: cannot be listened on ({error}); choose another address"
            ) from None
        self._server.max_cons = _CONNECTIONS
        self.host, self.port = self._server.socket.getsockname()[:2]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ftp", daemon=True)
        self._thread.start()

    def firmware_url(self, name: str) -> str:
        """Return where stations load a firmware file from."""
        return f"{self._address(FIRMWARE)}{name}"

    def upload_url(self, station: str) -> str:
        """Return where a station brings its logs."""
        return self._address(self._files.user(station))

    def close(self) -> None:
        """Stop serving; transfers that are under way are cut."""
        self._ending.set()
        self._thread.join()

    def _address(self, user: str) -> str:
        return f"ftp://{user}:{self._files.ftp_password(user)}@{self.host}:{self.port}/"

    def _run(self) -> None:
        while not self._ending.is_set():
            self._server.ioloop.loop(
                _LOOK_S, blocking=False
            )  # `serve_forever` would say each time that it starts
        self._server.close_all()
        self._server.ioloop.close()


class _Users:
    """Implements the authorizer that pyftpdlib wants: users are not listed, their passwords prove that they are ours."""

    def __init__(self, files: FileService) -> None:
        self._files = files

    def validate_authentication(self, username: str, password: str, _handler: object) -> None:
        """Refuse whoever has not the password of an address that was given out."""
        if not hmac.compare_digest(self._files.ftp_password(username).encode(), password.encode()):
            raise AuthenticationFailed("wrong user name or password")

    def get_home_dir(self, username: str) -> str:
        """Return the only folder that a user sees."""
        folder = self._files.folder(username)
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def has_user(self, _username: str) -> bool:
        """Whether there is such a user is told by the password only."""
        return True

    def has_perm(self, username: str, perm: str, _path: str | None = None) -> bool:
        """Whether a user may do something."""
        return perm in self.get_perms(username)

    def get_perms(self, username: str) -> str:
        """Return letters: e enter, l list, r read, w store."""
        return "elr" if username == FIRMWARE else "elw"

    def get_msg_login(self, _username: str) -> str:
        """Greet."""
        return "ready"

    def get_msg_quit(self, _username: str) -> str:
        """Say goodbye."""
        return "bye"

    def impersonate_user(self, username: str, password: str) -> None:
        """Files are this process's."""

    def terminate_impersonation(self, username: str) -> None:
        """Files are this process's."""
