"""TLS on loopback: certificates of either kind, mutual authentication, the ciphers that stations need."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.network.ocpp.wire.certificates import Files
from tests.network.ocpp.wire.sockets import TIME, centre
from twin.network.ocpp.security.authority import Authority, Kind
from twin.network.ocpp.wire import tls
from twin.network.ocpp.wire.admission import Admission, Applicant, judge
from twin.network.ocpp.wire.errors import ConnectFailed, ConnectRefused, LinkLost
from twin.network.ocpp.wire.server import Listen


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


class Profile3:
    """A gate that wants a certificate of every station."""

    def admit(self, applicant: Applicant, /) -> Admission:
        return judge(applicant, min_security_profile=3, check=None)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_server_may_have_a_certificate_of_either_kind(files: Files, kind: Kind) -> None:
    """EC and RSA; ws and wss side by side."""

    async def main() -> None:
        context = tls.server_context(*files.server(kind))
        async with centre(Listen(), Listen(tls=context)) as c:
            station = await c.station(url=c.url(1, "wss"), tls=tls.client_context(files.ca))
            assert await station.call("Heartbeat", {}) == TIME
            assert c.links[0].secure
            assert not (await c.station("CP2")).link.secure

    asyncio.run(main())


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"])
def test_the_ciphers_that_stations_need_are_offered(files: Files, cipher: str) -> None:
    """TLS_RSA_WITH_AES_128/256_GCM are required (OCPP 2.0.1 A00.FR.318), though Python leaves them out."""

    async def main() -> None:
        async with centre(Listen(tls=tls.server_context(*files.server("rsa")))) as c:
            context = tls.client_context(files.ca)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(cipher)
            _, writer = await asyncio.open_connection("127.0.0.1", c.server.ports[0], ssl=context)
            assert writer.get_extra_info("cipher")[0] == cipher
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())


def test_a_certificate_of_another_authority_is_refused_by_the_station(files: Files, tmp_path: Path) -> None:
    """And no less one for another name."""

    async def main() -> None:
        async with centre(Listen(tls=tls.server_context(*files.server()))) as c:
            stranger = tmp_path / "stranger.pem"
            stranger.write_text(Authority.create(files.now).pem)
            with pytest.raises(ConnectFailed, match="certificate verify failed"):
                await c.station(url=c.url(0, "wss"), tls=tls.client_context(stranger))
            with pytest.raises(ConnectFailed, match=r"mismatch|not valid for"):
                await c.station(
                    url=c.url(0, "wss"), tls=tls.client_context(files.ca), server_hostname="csms.example"
                )
            assert not c.links

    asyncio.run(main())


def test_an_expired_certificate_is_refused_by_the_station(files: Files) -> None:
    """It ran out half an hour ago."""

    async def main() -> None:
        async with centre(Listen(tls=tls.server_context(*files.server(days=1 / 48)))) as c:
            with pytest.raises(ConnectFailed, match="expired"):
                await c.station(url=c.url(0, "wss"), tls=tls.client_context(files.ca))

    asyncio.run(main())


def test_mutual_tls_knows_a_station_by_its_certificate(files: Files) -> None:
    """Its own identity is let in; another's certificate and none are answered 401."""

    async def main() -> None:
        context = tls.server_context(*files.server(), client_ca=files.ca)
        async with centre(Listen(tls=context), gate=Profile3()) as c:
            url = c.url(0, "wss")
            station = await c.station("CP1", url=url, tls=files.client("CP1"))
            assert await station.call("Heartbeat", {}) == TIME
            for wrong in (files.client("CP2"), tls.client_context(files.ca)):
                with pytest.raises(ConnectRefused, match="401"):
                    await c.station("CP3", url=url, tls=wrong)

    asyncio.run(main())


def test_a_client_certificate_that_is_expired_or_foreign_gets_no_connection(files: Files) -> None:
    """TLS ends it; the next station is served."""

    async def main() -> None:
        context = tls.server_context(*files.server(), client_ca=files.ca, require_client=True)
        async with centre(Listen(tls=context)) as c:
            url = c.url(0, "wss")
            foreign = files.client("CP1", Authority.create(files.now))
            expired = files.client("CP1", days=1 / 48)
            for wrong in (foreign, expired, tls.client_context(files.ca)):
                with pytest.raises((ConnectFailed, LinkLost)):
                    await c.station("CP1", url=url, tls=wrong)
            station = await c.station("CP1", url=url, tls=files.client("CP1"))
            assert await station.call("Heartbeat", {}) == TIME
            assert len(c.links) == 1

    asyncio.run(main())


def test_another_certificate_is_used_from_the_next_handshake_on(files: Files) -> None:
    """Running connections go on; files that do not fit together change nothing."""

    async def main() -> None:
        first = files.server()
        context = tls.server_context(*first)
        async with centre(Listen(tls=context)) as c:
            url = c.url(0, "wss")
            old = await c.station("CP1", url=url, tls=tls.client_context(files.ca))
            other = Authority.create(files.now)
            new = files.keep("new", other.server(["127.0.0.1"], files.now))
            with pytest.raises(ssl.SSLError):
                tls.reload(context, new[0], first[1])
            await c.station("CP2", url=url, tls=tls.client_context(files.ca))
            tls.reload(context, *new)
            files.ca.write_text(other.pem)
            fresh = await c.station("CP3", url=url, tls=tls.client_context(files.ca))
            assert await old.call("Heartbeat", {}) == await fresh.call("Heartbeat", {}) == TIME

    asyncio.run(main())


def test_old_versions_of_tls_are_not_spoken(files: Files) -> None:
    """1.1 and older are no security profile."""
    context = tls.server_context(*files.server())
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls.client_context(files.ca).minimum_version is ssl.TLSVersion.TLSv1_2


def test_certificates_cannot_be_required_of_nobody(files: Files) -> None:
    """Without an authority of the clients every handshake would fail."""
    with pytest.raises(ValueError, match="name who signs them"):
        tls.server_context(*files.server(), require_client=True)


def test_a_file_that_is_missing_is_an_error(files: Files) -> None:
    """Before anything listens."""
    with pytest.raises(OSError, match="No such file"):
        tls.server_context(files.folder / "none.pem", files.folder / "none.key")
