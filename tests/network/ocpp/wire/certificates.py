"""A test authority, and what it issues, as files."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from twin.network.ocpp.security.authority import Authority, Issued, Kind
from twin.network.ocpp.wire import tls


class Files:
    """A test authority and what it issued, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # what OpenSSL compares with is the machine's time; a new folder tells it
        self.now = datetime.fromtimestamp(folder.stat().st_mtime, UTC) - timedelta(hours=1)
        self.authority = Authority.create(self.now)
        self.ca = folder / "ca.pem"
        self.ca.write_text(self.authority.pem)

    def keep(self, name: str, issued: Issued) -> tuple[Path, Path]:
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_text(issued.certificate_pem)
        key.write_text(issued.key_pem)
        return certificate, key

    def server(self, kind: Kind = "ec", **options: Any) -> tuple[Path, Path]:
        return self.keep("server", self.authority.server(["127.0.0.1"], self.now, kind=kind, **options))

    def client(self, identity: str, authority: Authority | None = None, **options: Any) -> ssl.SSLContext:
        at = options.pop("at", self.now)
        issued = (authority or self.authority).client(identity, at, **options)
        certificate, key = self.keep("client", issued)
        return tls.client_context(self.ca, certificate=certificate, key=key)
