"""TLS as the security profiles 2 and 3 want it, at either end."""

from __future__ import annotations

import ssl
from asyncio import sslproto
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

CIPHERS: Final = "ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384"
"""TLS 1.2 with forward secrecy, and the two with RSA key exchange that a central system must offer beside them
(OCPP 2.0.1 A00.FR.318; Python leaves them out by default). TLS 1.3 brings its own."""


_BUFFER_BYTES = 32_768
"""Of each connection; a record of TLS has 16 kB."""


def _small_buffers() -> None:
    """Let asyncio read TLS in smaller pieces: its 256 kB per connection are all that thousands of stations would need."""
    sslproto.SSLProtocol.max_size = _BUFFER_BYTES


def server_context(
    certificate: Path, key: Path, *, client_ca: Path | None = None, require_client: bool = False
) -> ssl.SSLContext:
    """Return the context of a listener.

    Args:
        certificate: PEM, the server's own first, then its chain.
        key: PEM, RSA or EC, unencrypted.
        client_ca: PEM of who signs the stations' certificates: profile 3.
        require_client: Refuse a handshake without a certificate; otherwise the gate decides station by station.

    Raises:
        OSError, ssl.SSLError: A file is missing, or is not what it should be.
        ValueError: `require_client` without `client_ca`.
    """
    if require_client and client_ca is None:
        raise ValueError("to require certificates of clients, name who signs them")
    _small_buffers()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if require_client else ssl.CERT_OPTIONAL
    return context


def reload(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Use another certificate from the next handshake on; running connections keep theirs.

    Raises:
        OSError, ssl.SSLError: The files are not usable; the context goes on with the old ones.
    """
    # a trial context first: a chain that loads with a key that does not fit would leave the live one broken
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    context.load_cert_chain(certificate, key)


def client_context(
    ca: Path | None = None, *, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Return the context of a station.

    Args:
        ca: PEM of who signs the central system's certificate; None: the machine's trust store.
        certificate: PEM of the station's own certificate and its chain: profile 3.
        key: PEM of its key; None: it stands in `certificate`.

    Raises:
        OSError, ssl.SSLError: A file is missing, or is not what it should be.
    """
    _small_buffers()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    if ca is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def identify(context: ssl.SSLContext, chain: str, key: str) -> None:
    """Show a certificate that is held in memory, from the next handshake on.

    Args:
        context: Of either end.
        chain: PEM, the end's own certificate first.
        key: PEM of its key.

    Raises:
        ssl.SSLError: It is not what it should be.
    """
    with TemporaryDirectory() as folder:  # OpenSSL reads files only; nobody else may read this folder
        certificate, private = Path(folder, "chain.pem"), Path(folder, "key.pem")
        certificate.write_text(chain)
        private.write_text(key)
        context.load_cert_chain(certificate, private)
