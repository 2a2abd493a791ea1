"""Certificates of a station."""

import pytest
from cryptography import x509

from twin.network.ocpp.security import certificates
from twin.network.ocpp.security.authority import Authority
from twin.network.ocpp.security.certificates import instant
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.certificates import STATION, Certificates

EPOCH_NS = 1_767_225_600 * 10**9
DAY_S = 86_400.0


def fit(host):
    standard.define(host)
    return Certificates(host)


@pytest.fixture(scope="module")
def authority():
    return Authority.create(instant(EPOCH_NS, 0.0))


def signed(authority, csr, t_s=0.0, days=365.0):
    return authority.sign(x509.load_pem_x509_csr(csr.encode()), instant(EPOCH_NS, t_s), days)


def test_a_root_is_installed_told_and_deleted_in_2(host, authority):
    """Its hash data names it: told once, deleted once, then not found."""
    part = fit(host)
    asked = {"certificateType": "CSMSRootCertificate", "certificate": authority.pem}
    assert host.obey(part, "InstallCertificate", asked) == {"status": "Accepted"}
    told = host.obey(part, "GetInstalledCertificateIds", {})
    [one] = told["certificateHashDataChain"]
    delete = {"certificateHashData": one["certificateHashData"]}
    assert one["certificateType"] == "CSMSRootCertificate"
    assert [host.obey(part, "DeleteCertificate", delete)["status"] for _ in range(2)] == [
        "Accepted",
        "NotFound",
    ]
    assert host.obey(part, "GetInstalledCertificateIds", {}) == {"status": "NotFound"}


def test_a_root_is_installed_and_told_in_16(host16, authority):
    """1.6 lists the hash data of one type."""
    part = fit(host16)
    asked = {"certificateType": "CentralSystemRootCertificate", "certificate": authority.pem}
    assert host16.obey(part, "InstallCertificate", asked) == {"status": "Accepted"}
    told = host16.obey(
        part, "GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}
    )
    expected = certificates.hash_data(authority.certificate, authority.certificate)
    assert told == {"status": "Accepted", "certificateHashData": [expected]}


def test_nonsense_and_expired_roots_are_rejected(host, authority):
    """What is no certificate, or was valid once, is not installed."""
    part = fit(host)
    for at_s, pem in ((0.0, "nonsense"), (3_651 * DAY_S, authority.pem)):
        host.clock.to(at_s)
        asked = {"certificateType": "CSMSRootCertificate", "certificate": pem}
        assert host.obey(part, "InstallCertificate", asked)["status"] == "Rejected"


def test_16_has_no_reason_why_a_root_is_rejected(host16, authority):
    """Its answer is the status alone, whatever is wrong."""
    part = fit(host16)
    for at_s, pem in ((0.0, "nonsense"), (3_651 * DAY_S, authority.pem)):
        host16.clock.to(at_s)
        asked = {"certificateType": "CentralSystemRootCertificate", "certificate": pem}
        assert host16.obey(part, "InstallCertificate", asked) == {"status": "Rejected"}


def test_16_is_told_without_a_reason(host16):
    """1.6 has no statusInfo: the status stands alone."""
    asked = {"certificateType": "CentralSystemRootCertificate", "certificate": "nonsense"}
    assert host16.obey(fit(host16), "InstallCertificate", asked) == {"status": "Rejected"}


@pytest.mark.parametrize("which", ["host", "host16"])
def test_a_signing_request_becomes_a_certificate(which, request, authority):
    """The request is for the station's identity; its certificate is kept with the private key."""
    host = request.getfixturevalue(which)
    part = fit(host)
    trigger = "SignChargingStationCertificate" if which == "host" else "SignChargePointCertificate"
    part.triggers()[host.version, trigger]({})
    [asked] = host.told("SignCertificate")
    csr = x509.load_pem_x509_csr(asked["csr"].encode())
    assert certificates.subject(csr).common_name == "cs-1"
    answer = host.obey(part, "CertificateSigned", {"certificateChain": signed(authority, asked["csr"])})
    assert answer == {"status": "Accepted"}
    assert "PRIVATE KEY" in part.own().key


def test_a_certificate_for_another_key_is_rejected(host, authority):
    """A certificate that nobody asked for, or for another key, is refused and told as a security event."""
    part = fit(host)
    other = authority.client("cs-1", instant(EPOCH_NS, 0.0)).certificate_pem
    assert host.obey(part, "CertificateSigned", {"certificateChain": other})["status"] == "Rejected"
    part.ask_for(STATION)
    assert host.obey(part, "CertificateSigned", {"certificateChain": other})["status"] == "Rejected"
    assert [event for event, _ in host.events] == ["InvalidChargingStationCertificate"] * 2
    assert part.own() is None


def test_an_unsigned_request_is_sent_again(host):
    """With a wait of 30 s and 3 repeats: at 0, 30, 90 and 210 s, then no more."""
    part = fit(host)
    host.answers["SignCertificate"] = {"status": "Accepted"}
    part.ask_for(STATION)
    counts = []
    for t_s in (29.0, 30.0, 90.0, 210.0, 10_000.0):
        host.clock.to(t_s)
        counts.append(len(host.told("SignCertificate")))
    assert counts == [1, 2, 3, 4, 4]


def test_a_certificate_is_renewed_before_it_ends(host, authority):
    """Of 365 days, it asks for the next one when 30 are left."""
    part = fit(host)
    host.answers["SignCertificate"] = {"status": "Rejected"}
    part.ask_for(STATION)
    csr = host.told("SignCertificate")[0]["csr"]
    host.obey(part, "CertificateSigned", {"certificateChain": signed(authority, csr)})
    part.connected()
    host.clock.to(334 * DAY_S)
    assert len(host.told("SignCertificate")) == 1
    host.clock.to(336 * DAY_S)
    assert len(host.told("SignCertificate")) == 2
