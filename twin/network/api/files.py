"""Firmware for stations to load, logs that they bring: plain files under addresses that cannot be guessed.

Stations have no bearer tokens, so the address is the secret: it holds a keyed digest of what it is for. Names are
checked, sizes bounded, and nothing that a station sends is ever executed or shown as anything but a download.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from twin.errors import SettingsError
from twin.network.api.errors import ApiError, answer

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_DIGEST = 24
FIRMWARE = "firmware"
"""The user of FTP that may read what stations load."""
MOST_FILES = 100
"""Per station."""


class Uploaded(NamedTuple):
    """A file that a station brought."""

    name: str
    size: int


class FileService:
    """Keeps files in a folder.

    Args:
        folder: Where; made if it is not there.
        address: How stations reach it: `http://127.0.0.1:8080`.
        largest: Bytes of one file.

    Raises:
        SettingsError: The folder cannot be used.
    """

    def __init__(self, folder: Path, address: str, largest: int = 256 * 1024 * 1024) -> None:
        self._folder, self.address, self.largest = folder, address.rstrip("/"), largest
        key = folder / ".key"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not key.exists():
                with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(secrets.token_bytes(32))
            self._key = key.read_bytes()
        except OSError as error:
            raise SettingsError(f"{folder}: files of stations cannot be kept here ({error})") from None

    def firmware_url(self, name: str) -> str:
        """Return where stations load a firmware file from."""
        return f"{self.address}/files/firmware/{self._digest('firmware', name)}/{quote(name)}"

    def upload_url(self, station: str) -> str:
        """Return where a station brings its logs: it adds a file name, or its file gets one."""
        return f"{self.address}/files/uploads/{self._digest('uploads', station)}/{quote(station, safe='')}/"

    def firmware(self, digest: str, name: str) -> Path:
        """Return the file of an address.

        Raises:
            ApiError: 404, no such file or not that address.
        """
        self._check("firmware", name, digest)
        path = self._folder / "firmware" / checked(name)
        if not path.is_file():
            raise ApiError(404, "no-such-file", f"{name}: no such file")
        return path

    async def keep_firmware(self, name: str, body: AsyncIterator[bytes]) -> int:
        """Keep a file for stations to load; return its size. See `checked` for what may be refused."""
        return await self._write(self._folder / "firmware", checked(name), body)

    async def keep_upload(self, digest: str, station: str, name: str, body: AsyncIterator[bytes]) -> Uploaded:
        """Keep a file that a station brings.

        Raises:
            ApiError: 404 for another address than the station's, 413 for a file too large or one too many.
        """
        self._check("uploads", station, digest)
        folder = self._folder / "uploads" / _folder_of(station)
        number = len(self.uploads(station)) + 1
        if number > MOST_FILES:
            raise ApiError(413, "too-many-files", f"{station}: {MOST_FILES} files are kept; remove some")
        name = checked(name) if name else f"upload-{number}"
        return Uploaded(name, await self._write(folder, name, body))

    def uploads(self, station: str) -> list[Uploaded]:
        """Return what a station brought."""
        folder = self._folder / "uploads" / _folder_of(station)
        if not folder.is_dir():
            return []
        found = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        return [Uploaded(path.name, path.stat().st_size) for path in found]

    def upload(self, station: str, name: str) -> Path:
        """Return a file that a station brought.

        Raises:
            ApiError: 404, no such file.
        """
        path = self._folder / "uploads" / _folder_of(station) / checked(name)
        if not path.is_file():
            raise ApiError(404, "no-such-file", f"{name}: no such file of {station}")
        return path

    def user(self, station: str) -> str:
        """Return the user name of a station over FTP."""
        return _folder_of(station)

    def ftp_password(self, user: str) -> str:
        """Return the password of a user over FTP."""
        return self._digest("ftp", user)

    def folder(self, user: str) -> Path:
        """Return the folder of a user over FTP."""
        return self._folder / FIRMWARE if user == FIRMWARE else self._folder / "uploads" / checked(user)

    async def _write(self, folder: Path, name: str, body: AsyncIterator[bytes]) -> int:
        part, size = _part(folder), 0
        try:
            with part.open("wb") as file:
                async for chunk in body:
                    size += len(chunk)
                    if size > self.largest:
                        raise ApiError(413, "too-large", f"{name}: more than {self.largest} bytes")
                    file.write(chunk)
            part.replace(folder / name)
        finally:
            part.unlink(missing_ok=True)
        return size

    def _digest(self, purpose: str, subject: str) -> str:
        return hmac.new(self._key, f"{purpose}/{subject}".encode(), hashlib.sha256).hexdigest()[:_DIGEST]

    def _check(self, purpose: str, subject: str, digest: str) -> None:
        if not hmac.compare_digest(self._digest(purpose, subject).encode(), digest.encode()):
            raise ApiError(404, "no-such-file", "no such address")


def checked(name: str) -> str:
    """Return a file name that is one.

    Raises:
        ApiError: 404, it has other characters than letters, digits, `.`, `_`, `-`, or begins with a dot.
    """
    if not _NAME.fullmatch(name):
        raise ApiError(404, "no-such-file", "a file name has letters, digits, `.`, `_` and `-` only")
    return name


def station_routes(service: FileService) -> APIRouter:
    """Return what stations use: no bearer token, the address is the secret."""
    router = APIRouter(prefix="/files", include_in_schema=False)

    @router.get("/firmware/{digest}/{name}")
    async def download(digest: str, name: str) -> Response:
        return FileResponse(service.firmware(digest, name), media_type="application/octet-stream")

    @router.api_route("/uploads/{digest}/{station}/{name:path}", methods=["PUT", "POST"])
    async def upload(digest: str, station: str, name: str, request: Request) -> Response:
        kept = await service.keep_upload(digest, station, name, request.stream())
        return answer({"name": kept.name, "size": kept.size}, 201)

    return router


def _part(folder: Path) -> Path:
    """Return a name for a file that is not complete."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f".{secrets.token_hex(8)}.part"


def _folder_of(station: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", station)[:40]
    return f"{plain}-{hashlib.sha256(station.encode()).hexdigest()[:8]}"
