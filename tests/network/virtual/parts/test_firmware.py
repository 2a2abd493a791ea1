"""Firmware updates."""

import base64

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from twin.network.ocpp.security.authority import Authority
from twin.network.ocpp.security.certificates import instant
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.firmware import Firmware, FirmwareOptions, verified
from twin.network.virtual.parts.transfer import PretendedTransfer

NOW = "2026-01-01T00:00:00Z"
PLAIN = {"location": "http://127.0.0.1/fw.bin", "retrieveDate": NOW}


def fit(host, **options):
    standard.define(host)
    return Firmware(host, PretendedTransfer(host.clock, 10.0), FirmwareOptions(**options))


def request2(**firmware):
    return {
        "requestId": 9,
        "firmware": {"location": "http://127.0.0.1/fw.bin", "retrieveDateTime": NOW, **firmware},
    }


def statuses(host, action="FirmwareStatusNotification"):
    return [payload["status"] for payload in host.told(action)]


def test_a_plain_update_of_16_goes_step_by_step(host16):
    """Download 10 s, install 30 s, reboot; Installed is told when the station is back."""
    part = fit(host16)
    assert host16.obey(part, "UpdateFirmware", PLAIN) == {}
    host16.clock.to(39.0)
    assert (statuses(host16), host16.reboots) == (["Downloading", "Downloaded", "Installing"], [])
    host16.clock.to(40.0)
    part.connected()
    assert host16.reboots == ["FirmwareUpdate"]
    assert statuses(host16)[-1] == "Installed"


def test_an_update_of_2_tells_its_request(host):
    """Every status carries the request's id, with the reboot announced."""
    part = fit(host)
    assert host.obey(part, "UpdateFirmware", request2()) == {"status": "Accepted"}
    host.clock.to(40.0)
    part.connected()
    assert statuses(host) == ["Downloading", "Downloaded", "Installing", "InstallRebooting", "Installed"]
    assert {p["requestId"] for p in host.told("FirmwareStatusNotification")} == {9}


def test_nothing_is_installed_while_somebody_charges(host):
    """New transactions are blocked; installing waits for the last one to end."""
    part = fit(host)
    host.running = True
    host.obey(part, "UpdateFirmware", request2())
    host.clock.to(1_000.0)
    assert statuses(host) == ["Downloading", "Downloaded"]
    assert host.blocked == {"firmware"}
    host.stop_charging()
    assert statuses(host)[-1] == "Installing"
    host.clock.to(1_030.0)
    assert host.blocked == set()


@pytest.mark.parametrize("failure", ["DownloadFailed", "InstallationFailed", "InstallVerificationFailed"])
def test_failures_by_setting(host, failure):
    """The update ends with the failure, the station takes transactions again and does not reboot."""
    host.obey(fit(host, fails=failure), "UpdateFirmware", request2())
    host.clock.to(100.0)
    assert statuses(host)[-1] == failure
    assert (host.blocked, host.reboots) == (set(), [])


def test_a_failed_download_is_tried_again(host16):
    """Two retries: three times Downloading, then DownloadFailed."""
    part = fit(host16, fails="DownloadFailed")
    host16.obey(part, "UpdateFirmware", {**PLAIN, "retries": 2, "retryInterval": 5})
    host16.clock.to(100.0)
    assert statuses(host16) == ["Downloading"] * 3 + ["DownloadFailed"]


def test_download_and_installation_wait_for_their_time(host):
    """Retrieved at minute 1, installed at minute 5."""
    asked = request2(retrieveDateTime="2026-01-01T00:01:00Z", installDateTime="2026-01-01T00:05:00Z")
    host.obey(fit(host), "UpdateFirmware", asked)
    host.clock.to(59.0)
    assert statuses(host) == ["DownloadScheduled"]
    host.clock.to(299.0)
    assert statuses(host)[1:] == ["Downloading", "Downloaded", "InstallScheduled"]
    host.clock.to(300.0)
    assert statuses(host)[-1] == "Installing"


def test_a_second_update_takes_the_place_of_the_first(host):
    """The new request is told AcceptedCanceled, and only its id follows."""
    part = fit(host)
    host.obey(part, "UpdateFirmware", request2())
    host.clock.to(5.0)
    assert host.obey(part, "UpdateFirmware", {**request2(), "requestId": 10})["status"] == "AcceptedCanceled"
    host.clock.to(100.0)
    assert [p["requestId"] for p in host.told("FirmwareStatusNotification")][1:] == [10] * 4


def test_a_signed_update_of_16_verifies_the_signature(host16):
    """A good signature is told SignatureVerified; a bad certificate is refused at once."""
    signer = Authority.create(instant(host16.clock.epoch_ns, 0.0))
    data = b"http://127.0.0.1/fw.bin"  # what the pretended transfer brings
    signature = base64.b64encode(signer.key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()
    pem = signer.pem
    part = fit(host16, verify=True)
    good = request2(signingCertificate=pem, signature=signature)
    bad = request2(signingCertificate="nonsense", signature=signature)
    assert host16.obey(part, "SignedUpdateFirmware", bad) == {"status": "InvalidCertificate"}
    assert host16.obey(part, "SignedUpdateFirmware", good) == {"status": "Accepted"}
    host16.clock.to(10.0)
    assert "SignatureVerified" in statuses(host16, "SignedFirmwareStatusNotification")
    assert verified(pem, signature, data)
    assert not verified(pem, signature, data + b"!")


def test_a_wrong_signature_ends_the_update(host):
    """A file that does not fit its signature is not installed, and a security event tells it."""
    pem = Authority.create(instant(host.clock.epoch_ns, 0.0)).pem
    part = fit(host, verify=True)
    host.obey(part, "UpdateFirmware", request2(signingCertificate=pem, signature="AAAA"))
    host.clock.to(100.0)
    assert statuses(host) == ["Downloading", "Downloaded", "InvalidSignature"]
    assert host.events[0][0] == "InvalidFirmwareSignature"


def test_the_status_can_be_asked_for(host):
    """Idle where nothing goes on, without a request's id."""
    part = fit(host)
    part.triggers()[host.version, "FirmwareStatusNotification"]({})
    assert host.told("FirmwareStatusNotification") == [{"status": "Idle"}]
