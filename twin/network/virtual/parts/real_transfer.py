"""Files to and from other machines, by HTTP, HTTPS, FTP and FTPS: loaded where files really go."""

from __future__ import annotations

import asyncio
import ftplib
import io
import ssl
from collections.abc import Callable
from typing import TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

import httpx

from twin.network.virtual.parts.transfer import Downloaded, Uploaded

MakeContext: TypeAlias = Callable[[], ssl.SSLContext]
T = TypeVar("T")
_TIMEOUT_S = 30.0
_NO_PUT = (405, 501)
"""Answers of servers that take POST only."""


class RealTransfer:
    """Implements `Transfer` in worker threads; the outcome is told in the loop it was asked from.

    Args:
        tls: Makes a context for HTTPS and FTPS: whom to trust.
    """

    def __init__(self, tls: MakeContext = ssl.create_default_context) -> None:
        self._tls = tls

    def upload(self, url: str, name: str, data: bytes, done: Uploaded, /) -> None:
        """See `Transfer.upload`."""
        _in_thread(lambda: send(url, name, data, self._tls), lambda _, why: done(why))

    def download(self, url: str, done: Downloaded, /) -> None:
        """See `Transfer.download`."""
        _in_thread(lambda: fetch(url, self._tls), lambda data, why: done(data or b"", why))


def _in_thread(work: Callable[[], T], done: Callable[[T | None, str], None]) -> None:
    async def run() -> None:
        try:
            result = await asyncio.to_thread(work)
        except (httpx.HTTPError, httpx.InvalidURL, ftplib.Error, OSError, EOFError, ValueError) as error:
            done(None, f"{type(error).__name__}: {error}")
        else:
            done(result, "")

    task = asyncio.get_running_loop().create_task(run())
    _running.add(task)
    task.add_done_callback(_running.discard)


_running: set[asyncio.Task[None]] = set()
"""A loop holds its tasks weakly: these must not be lost on their way."""


def send(url: str, name: str, data: bytes, tls: MakeContext = ssl.create_default_context) -> None:
    """Put a file where `url` points; blocks. A path that ends with `/` is a folder; `tls` says whom to trust.

    Raises:
        ValueError: A scheme that is not spoken.
        OSError, httpx.HTTPError, ftplib.Error: It did not get there.
    """
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"}:
        where = url + name if parts.path.endswith("/") else url
        with httpx.Client(timeout=_TIMEOUT_S, verify=_context(parts.scheme, tls)) as client:
            answer = client.put(where, content=data)
            if answer.status_code in _NO_PUT:
                answer = client.post(where, content=data)
            answer.raise_for_status()
        return
    with _ftp(url, tls) as ftp:
        path = unquote(parts.path).lstrip("/")
        ftp.storbinary(f"STOR {path + name if not path or path.endswith('/') else path}", io.BytesIO(data))


def fetch(url: str, tls: MakeContext = ssl.create_default_context) -> bytes:
    """Return the file that `url` names; blocks. Raises as `send` does."""
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"}:
        trust = _context(parts.scheme, tls)
        with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=True, verify=trust) as client:
            return client.get(url).raise_for_status().content
    got: list[bytes] = []
    with _ftp(url, tls) as ftp:
        ftp.retrbinary(f"RETR {unquote(parts.path).lstrip('/')}", got.append)
    return b"".join(got)


def _context(scheme: str, tls: MakeContext) -> ssl.SSLContext | bool:
    """Without TLS there is no need to read anybody's trust store; a redirect to HTTPS finds the machine's."""
    return tls() if scheme == "https" else True


def _ftp(url: str, tls: MakeContext) -> ftplib.FTP:
    parts = urlsplit(url)
    if parts.scheme not in {"ftp", "ftps"}:
        raise ValueError(f"{url}: expected http, https, ftp or ftps")
    user, password = unquote(parts.username or "anonymous"), unquote(parts.password or "")
    if parts.scheme == "ftps":
        secure = ftplib.FTP_TLS(timeout=_TIMEOUT_S, context=tls())  # noqa: S321
        secure.connect(parts.hostname or "", parts.port or 21)
        secure.login(user, password)
        secure.prot_p()
        return secure
    ftp = ftplib.FTP(timeout=_TIMEOUT_S)  # noqa: S321 (what OCPP asks for)
    ftp.connect(parts.hostname or "", parts.port or 21)
    ftp.login(user, password)
    return ftp
