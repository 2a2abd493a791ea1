"""Signing requests and their answers, renewal, and truthful refusals."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from twin.network.ocpp.csms.operations.certificates import Certificates
from twin.network.ocpp.security import certificates as x
from twin.network.ocpp.security.authority import Authority, Kind, new_key, signing_request
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas
from twin.network.ocpp.wire.link import Then

YES = {"status": "Accepted"}
DAY = 86_400


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create(datetime(2026, 1, 1, tzinfo=UTC))


async def signed(part: Certificates, station: Any, request: dict[str, Any]) -> Any:
    """Let a station ask, and let what follows its answer happen."""
    answer = part.handlers()[station.version, "SignCertificate"](station, request)
    if isinstance(answer, Then):
        answer.after()
        for _ in range(10):
            await asyncio.sleep(0)
        return answer.payload
    return answer


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("version", list(Version))
def test_a_request_is_signed_and_the_chain_delivered(
    bench: Any, authority: Authority, version: Version, kind: Kind
) -> None:
    """The certificate is the station's, by our authority; the station takes it and its end is known."""
    part, station = Certificates(bench.office, authority, days=10), bench.station(version, YES)
    assert asyncio.run(signed(part, station, {"csr": signing_request(new_key(kind), "CP1")})) == YES
    action, payload = bench.asked(station)[0]
    made = x.chain(payload["certificateChain"])[0]
    assert action == "CertificateSigned"
    assert (x.subject(made).common_name, x.issued_by(made, authority.certificate)) == ("CP1", True)
    assert part.expires_s("CP1") == 10 * DAY


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        ("no request at all", "no PKCS 10"),
        (signing_request(new_key("ec"), "CP2"), "neither identity nor serial number"),
    ],
)
def test_what_cannot_be_signed_is_rejected_and_recorded(
    bench: Any, authority: Authority, csr: str, why: str
) -> None:
    """Garbage and the name of another station."""
    part, station = Certificates(bench.office, authority), bench.station(Version.V201)
    assert asyncio.run(signed(part, station, {"csr": csr})) == {"status": "Rejected"}
    assert bench.kinds() == ["certificate.refused"]
    assert why in bench.told[0][2]["why"]


def test_without_an_authority_requests_are_rejected(bench: Any) -> None:
    """Nothing is signed by nobody."""
    part, station = Certificates(bench.office), bench.station(Version.V16)
    assert asyncio.run(signed(part, station, {"csr": signing_request(new_key("ec"), "CP1")})) == {
        "status": "Rejected"
    }


def test_a_certificate_that_the_station_refuses_does_not_count(bench: Any, authority: Authority) -> None:
    """Recorded as unwanted."""
    part, station = Certificates(bench.office, authority), bench.station(Version.V16, {"status": "Rejected"})
    asyncio.run(signed(part, station, {"csr": signing_request(new_key("ec"), "CP1")}))
    assert part.expires_s("CP1") is None
    assert bench.kinds() == ["certificate.unwanted"]


@pytest.mark.parametrize(
    ("version", "action", "message"),
    [
        (Version.V16, "ExtendedTriggerMessage", "SignChargePointCertificate"),
        (Version.V201, "TriggerMessage", "SignChargingStationCertificate"),
    ],
)
def test_it_is_renewed_before_its_end(
    bench: Any, authority: Authority, version: Version, action: str, message: str
) -> None:
    """Ten days long: the station is asked when a tenth is left, on day 9."""

    async def story() -> Any:
        part, station = Certificates(bench.office, authority, days=10), bench.station(version, YES, YES)
        part.accepted(station)
        await signed(part, station, {"csr": signing_request(new_key("ec"), "CP1")})
        bench.clock.go_to(9 * DAY - 1)
        await asyncio.sleep(0)
        before = len(bench.asked(station))
        bench.clock.go_to(9 * DAY)
        for _ in range(5):
            await asyncio.sleep(0)
        return before, bench.asked(station)[1:]

    assert asyncio.run(story()) == (1, [(action, {"requestedMessage": message})])


def test_the_end_of_a_certificate_is_known_after_a_restart(bench: Any, authority: Authority) -> None:
    """From the journal."""
    part, station = Certificates(bench.office, authority, days=10), bench.station(Version.V16, YES)
    asyncio.run(signed(part, station, {"csr": signing_request(new_key("ec"), "CP1")}))
    again = Certificates(bench.office, authority)
    bench.restore(again)
    assert again.expires_s("CP1") == 10 * DAY


@pytest.mark.parametrize(
    ("version", "action", "request_", "status"),
    [
        (
            Version.V201,
            "Get15118EVCertificate",
            {"iso15118SchemaVersion": "urn", "action": "Install", "exiRequest": "aGk="},
            "Failed",
        ),
        (Version.V201, "GetCertificateStatus", {"ocspRequestData": {}}, "Failed"),
        (Version.V21, "VatNumberValidation", {"vatNumber": "DE1", "evseId": 1}, "Rejected"),
    ],
)
def test_what_needs_a_provider_is_refused_in_the_words_of_the_schema(
    bench: Any, version: Version, action: str, request_: dict[str, object], status: str
) -> None:
    """Nothing is made up, and the refusal is a valid answer."""

    async def asked() -> Any:
        answer = Certificates(bench.office).handlers()[version, action](bench.station(version), request_)
        return await answer if asyncio.iscoroutine(answer) else answer

    answer = asyncio.run(asked())
    assert answer["status"] == status
    assert schemas.responses(version)[action].valid(answer)


def test_chain_status_of_2_1_is_failed_for_each_certificate(bench: Any) -> None:
    """Each asked one comes back with its hash data."""
    data = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1"}
    request = {"certificateStatusRequests": [{"certificateHashData": data, "source": "OCSP", "urls": ["u"]}]}
    handler = Certificates(bench.office).handlers()[Version.V21, "GetCertificateChainStatus"]
    answer = handler(bench.station(Version.V21), request)
    assert schemas.responses(Version.V21)["GetCertificateChainStatus"].valid(answer)
    assert answer["certificateStatus"][0]["status"] == "Failed"
