"""The file service over FTP: stations store, one user reads firmware, nobody leaves its folder."""

from __future__ import annotations

import ftplib
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from twin.errors import SettingsError
from twin.network.api.files import FileService
from twin.network.api.ftp import FtpService


@pytest.fixture
def files(tmp_path: Path) -> FileService:
    return FileService(tmp_path / "files", "http://127.0.0.1:1", largest=1000)


@pytest.fixture
def ftp(files: FileService) -> Iterator[FtpService]:
    service = FtpService(files, "ftp://127.0.0.1:0")
    yield service
    service.close()


def login(url: str) -> ftplib.FTP:
    """Log in as the address says."""
    parts = urlsplit(url)
    client = ftplib.FTP(timeout=20)
    client.connect(parts.hostname or "", parts.port or 0)
    try:
        client.login(parts.username or "", parts.password or "")
    except ftplib.Error:
        client.close()
        raise
    return client


def test_a_station_stores_a_log_and_the_operator_sees_it(files: FileService, ftp: FtpService) -> None:
    """Five bytes."""
    with login(ftp.upload_url("CP1")) as client:
        client.storbinary("STOR log-1.txt", io.BytesIO(b"lines"))
    assert files.uploads("CP1") == [("log-1.txt", 5)]
    assert files.upload("CP1", "log-1.txt").read_bytes() == b"lines"


def test_a_station_cannot_read_delete_or_leave_its_folder(files: FileService, ftp: FtpService) -> None:
    """Each is refused with 550 or ends in its own folder."""
    with login(ftp.upload_url("CP1")) as client:
        client.storbinary("STOR log-1.txt", io.BytesIO(b"lines"))
        for command in ("RETR log-1.txt", "DELE log-1.txt", "MKD folder"):
            with pytest.raises(ftplib.error_perm):
                client.voidcmd(command)
        client.storbinary("STOR ../../evil.txt", io.BytesIO(b"x"))
    assert [upload.name for upload in files.uploads("CP1")] == ["evil.txt", "log-1.txt"]


def test_firmware_is_read_and_not_written(files: FileService, ftp: FtpService) -> None:
    """By a user of its own."""
    path = files.folder("firmware")
    path.mkdir(parents=True)
    (path / "fw.bin").write_bytes(b"firmware")
    url, got = ftp.firmware_url("fw.bin"), io.BytesIO()
    with login(url) as client:
        client.retrbinary(f"RETR {urlsplit(url).path.strip('/')}", got.write)
        with pytest.raises(ftplib.error_perm):
            client.storbinary("STOR evil.bin", io.BytesIO(b"x"))
    assert got.getvalue() == b"firmware"


@pytest.mark.parametrize("user", ["CP1", "anonymous", "..", "firmware"])
def test_without_the_password_nobody_gets_in(ftp: FtpService, user: str) -> None:
    """530."""
    with pytest.raises(ftplib.error_perm, match="530"):
        login(f"ftp://{user}:wrong@{ftp.host}:{ftp.port}/")


def test_a_file_that_is_too_large_is_cut_and_removed(files: FileService, ftp: FtpService) -> None:
    """A million bytes where a thousand are allowed."""
    with pytest.raises((ftplib.Error, OSError)), login(ftp.upload_url("CP1")) as client:
        client.storbinary("STOR big.bin", io.BytesIO(b"x" * 1_000_000))
    ftp.close()
    assert files.uploads("CP1") == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:0", "ftp://127.0.0.1:99999", "ftp://nobody.invalid:0"])
def test_an_unusable_address_is_named(files: FileService, url: str) -> None:
    """The message has the option."""
    with pytest.raises(SettingsError, match="--ftp"):
        FtpService(files, url)
