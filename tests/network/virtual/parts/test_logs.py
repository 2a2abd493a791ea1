"""Diagnostics and log upload."""

from twin.network.virtual.parts import standard
from twin.network.virtual.parts.logs import KEPT, LONGEST, Logs
from twin.network.virtual.parts.transfer import PretendedTransfer


class Broken:
    """A transfer that never succeeds."""

    def __init__(self):
        self.tries = 0

    def upload(self, url, name, data, done, /):
        self.tries += 1
        done("no route")


def fit(host, transfer=None):
    standard.define(host)
    return Logs(host, transfer or PretendedTransfer(host.clock, 10.0))


def request(**log):
    return {
        "requestId": 4,
        "logType": "DiagnosticsLog",
        "log": {"remoteLocation": "http://127.0.0.1/", **log},
    }


def test_diagnostics_of_16_are_uploaded(host16):
    """The file holds what the station sent, named as it was answered; tokens stay out of it."""
    transfer = PretendedTransfer(host16.clock, 10.0)
    part = fit(host16, transfer)
    part.sent("Authorize", {"idTag": "SECRET"})
    part.sent("Heartbeat", {})
    answer = host16.obey(part, "GetDiagnostics", {"location": "ftp://127.0.0.1/logs/"})
    host16.clock.to(10.0)
    [(url, name, data)] = transfer.uploads
    assert (url, name) == ("ftp://127.0.0.1/logs/", answer["fileName"])
    assert b"Heartbeat {}" in data
    assert b"SECRET" not in data
    told = [p["status"] for p in host16.told("DiagnosticsStatusNotification")]
    assert told == ["Uploading", "Uploaded"]


def test_a_log_of_2_tells_its_request(host):
    """Uploading and Uploaded carry the request's id."""
    part = fit(host)
    answer = host.obey(part, "GetLog", request())
    host.clock.to(10.0)
    assert answer["status"] == "Accepted"
    assert host.told("LogStatusNotification") == [
        {"status": "Uploading", "requestId": 4},
        {"status": "Uploaded", "requestId": 4},
    ]


def test_a_log_can_be_cut_to_an_interval(host):
    """Of lines at 0, 60 and 120 s, minute one holds one."""
    part = fit(host)
    for t_s in (0.0, 60.0, 120.0):
        host.clock.to(t_s)
        part.sent("Heartbeat", {})
    assert part.text("DiagnosticsLog", 30.0, 90.0).count("Heartbeat") == 1


def test_security_events_have_their_own_log(host):
    """A security event stands in the security log only."""
    part = fit(host)
    part.sent("SecurityEventNotification", {"type": "FirmwareUpdated"})
    assert "FirmwareUpdated" in part.text("SecurityLog", 0.0, 1.0)
    assert "FirmwareUpdated" not in part.text("DiagnosticsLog", 0.0, 1.0)


def test_an_upload_that_fails_is_tried_again(host):
    """Two retries: three attempts, then UploadFailure."""
    broken = Broken()
    host.obey(fit(host, broken), "GetLog", {**request(), "retries": 2, "retryInterval": 5})
    host.clock.to(100.0)
    assert broken.tries == 3
    assert host.told("LogStatusNotification")[-1]["status"] == "UploadFailure"


def test_a_second_request_cancels_the_first(host):
    """The first upload is told as cancelled, the second ends."""
    part = fit(host)
    host.obey(part, "GetLog", request())
    assert host.obey(part, "GetLog", {**request(), "requestId": 5})["status"] == "AcceptedCanceled"
    host.clock.to(100.0)
    told = [(p["requestId"], p["status"]) for p in host.told("LogStatusNotification")]
    assert told == [(4, "Uploading"), (4, "AcceptedCanceled"), (5, "Uploading"), (5, "Uploaded")]


def test_a_log_keeps_its_latest_lines(host):
    """A thousand long messages leave no more than a log may hold: the last ones, each cut."""
    part = fit(host)
    for number in range(1_000):
        part.sent("DataTransfer", {"vendorId": f"v{number}", "data": "x" * 1_000})
    _, *lines, last = part.text("DiagnosticsLog", 0.0, 1.0).splitlines()
    assert "v999" in last
    assert len(lines) + 1 == KEPT // LONGEST
    assert "v998" in lines[-1]
