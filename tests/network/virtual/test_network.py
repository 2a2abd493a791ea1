"""Where stations connect after they were told so over OCPP: other central systems, TLS, certificates."""

import asyncio
import json
import time
from contextlib import AsyncExitStack

import pytest
from cryptography import x509
from websockets.asyncio.server import serve

from twin.network.clock import LoopClock
from twin.network.ocpp.security.authority import Authority
from twin.network.ocpp.security.certificates import instant
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.tls import client_context, server_context
from twin.network.virtual.dial import Target
from twin.network.virtual.guests import default_evses
from twin.network.virtual.load import Load, LoadOptions

SOON = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "0", "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
    "OCPPCommCtrlr.BootOnReconnect": "true",
}  # fmt: skip
ACCEPTED = {"status": "Accepted"}


@pytest.fixture
def pki(tmp_path):
    """A root, a server's certificate of it for 127.0.0.1, as files; valid by the clock on the wall."""
    at = instant(time.time_ns(), 0.0)
    authority = Authority.create(at)
    server = authority.server(["127.0.0.1"], at)
    for name, text in (("ca", authority.pem), ("cert", server.certificate_pem), ("key", server.key_pem)):
        (tmp_path / name).write_text(text)
    return authority, tmp_path


class Centre:
    """A central system: what it sends after each boot, and what it heard; every call is accepted."""

    def __init__(self, version):
        self.version, self.calls, self.peers = version, [], []
        self.heard = {}
        self._booted = asyncio.Queue()

    async def boots(self, number):
        """Wait until so many BootNotifications were answered."""
        async with asyncio.timeout(30.0):
            for _ in range(number):
                await self._booted.get()

    def listen(self, tls=None, port=0):
        return serve(self.talk, "127.0.0.1", port, subprotocols=[self.version.value], ssl=tls)

    async def talk(self, socket):
        tls = socket.transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls else None
        self.peers.append(certificate and x509.load_der_x509_certificate(certificate))
        answers = {}
        async for text in socket:
            frame = json.loads(text)
            if frame[0] == 3:
                self.heard[answers.pop(frame[1])] = frame[2]
                continue
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            boot = frame[2] == "BootNotification"
            answer = (
                {**ACCEPTED, "currentTime": now, "interval": 300} if boot else self.answer(frame[2], frame[3])
            )
            await socket.send(json.dumps([3, frame[1], answer]))
            script = self.calls.pop(0) if boot and self.calls else ()
            for number, (action, payload) in enumerate((*script, *self.after(frame[2], frame[3]))):
                answers[f"{frame[1]}-{number}"] = action
                await socket.send(json.dumps([2, f"{frame[1]}-{number}", action, payload]))
            if boot:
                self._booted.put_nowait(None)

    def answer(self, action, _payload):
        return (
            {} if action in {"StatusNotification", "SecurityEventNotification", "NotifyEvent"} else ACCEPTED
        )

    def after(self, _action, _payload):
        return ()


class Signing(Centre):
    """Asks for a signing request, signs it, and asks the station to connect anew."""

    def __init__(self, version, authority):
        super().__init__(version)
        self.authority = authority
        wanted = "SignChargingStationCertificate" if version.two else "SignChargePointCertificate"
        trigger = "TriggerMessage" if version.two else "ExtendedTriggerMessage"
        self.calls = [[(trigger, {"requestedMessage": wanted})]]

    def after(self, action, payload):
        if action != "SignCertificate":
            return ()
        request = x509.load_pem_x509_csr(payload["csr"].encode())
        chain = self.authority.sign(request, instant(time.time_ns(), 0.0))
        reset = {"type": "Immediate"} if self.version.two else {"type": "Hard"}
        return [("CertificateSigned", {"certificateChain": chain}), ("Reset", reset)]


def load_of(target, version, **values):
    clock = LoopClock(asyncio.get_running_loop(), time.time_ns(), 20.0)
    return Load(target, default_evses(1), LoadOptions(version=version, values={**SOON, **values}), clock)


@pytest.mark.parametrize("version", list(Version))
def test_a_certificate_that_was_signed_over_ocpp_is_shown_from_then_on(version, pki):
    """First TLS without a certificate, then with that of CertificateSigned, as profile 3 wants it."""
    authority, files = pki

    async def run():
        centre = Signing(version, authority)
        tls = server_context(files / "cert", files / "key", client_ca=files / "ca")
        async with centre.listen(tls) as server:
            url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            load = load_of(Target(url=url, tls=lambda: client_context(files / "ca")), version)
            load.start()
            await centre.boots(2)
            await load.stop()
        return centre

    centre = asyncio.run(run())
    first, second = centre.peers
    assert first is None
    assert second.subject.rfc4514_string().startswith("CN=TWIN-1")
    assert centre.heard["CertificateSigned"] == ACCEPTED


def test_a_raised_security_profile_of_16_means_tls_at_the_same_address(pki):
    """A root and a password were given, the profile is accepted; the station comes back with TLS."""
    authority, files = pki

    async def run():
        old, new = Centre(Version.V16), Centre(Version.V16)
        tls = server_context(files / "cert", files / "key")
        root = {"certificateType": "CentralSystemRootCertificate", "certificate": authority.pem}
        old.calls = [
            [
                ("InstallCertificate", root),
                ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "0123456789abcdef"}),
            ],
            [("ChangeConfiguration", {"key": "SecurityProfile", "value": "2"})],
        ]
        async with old.listen() as server:
            port = server.sockets[0].getsockname()[1]
            load = load_of(Target(url=f"ws://127.0.0.1:{port}", password="at-first-0123456"), Version.V16)
            load.start()
            await old.boots(2)
        async with new.listen(tls, port):
            await new.boots(1)
            await load.stop()
        return old

    assert asyncio.run(run()).heard["ChangeConfiguration"] == ACCEPTED


def profile(url, security):
    return {
        "ocppCsmsUrl": url, "securityProfile": security, "messageTimeout": 30, "ocppTransport": "JSON",
        "ocppInterface": "Any", "ocppVersion": "OCPP20",
    }  # fmt: skip


def migrate(url, security):
    priority = {
        "component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"},
        "attributeValue": "2,1",
    }  # fmt: skip
    return [
        ("SetNetworkProfile", {"configurationSlot": 2, "connectionData": profile(url, security)}),
        ("SetVariables", {"setVariableData": [priority]}),
        ("Reset", {"type": "OnIdle"}),
    ]


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
@pytest.mark.parametrize("secure", [False, True])
def test_a_station_moves_to_another_central_system(version, secure, pki):
    """Its profile is set, put first, and used after the reset; with TLS the root was installed before."""
    authority, files = pki

    async def run():
        old, new = Centre(version), Centre(version)
        tls = server_context(files / "cert", files / "key") if secure else None
        async with AsyncExitStack() as stack:
            ports = [
                (await stack.enter_async_context(c.listen(t))).sockets[0].getsockname()[1]
                for c, t in ((old, None), (new, tls))
            ]
            root = {"certificateType": "CSMSRootCertificate", "certificate": authority.pem}
            script = migrate(f"{'wss' if secure else 'ws'}://127.0.0.1:{ports[1]}", 2 if secure else 0)
            old.calls = [[("InstallCertificate", root), *script]]
            load = load_of(Target(url=f"ws://127.0.0.1:{ports[0]}"), version)
            load.start()
            await new.boots(1)
            variables = load.stations.stations["TWIN-1"].variables
            told = [variables.by_name(f"OCPPCommCtrlr.{name}") for name in NAMES]
            texts = [variables.text(variable) for variable in told if variable is not None]
            await load.stop()
        return old, texts

    old, texts = asyncio.run(run())
    assert old.heard["SetNetworkProfile"] == ACCEPTED
    assert old.heard["SetVariables"]["setVariableResult"][0]["attributeStatus"] == "RebootRequired"
    assert texts == ["2", "2" if secure else "2,1"]


NAMES = ("ActiveNetworkProfile", "NetworkConfigurationPriority")


def test_a_station_falls_back_when_the_new_central_system_is_not_there():
    """After one attempt at slot 2 it is back at slot 1, and boots there anew (B10.FR.03)."""

    async def run():
        centre = Centre(Version.V201)
        async with centre.listen() as server:
            centre.calls = [migrate("ws://127.0.0.1:1", 0)]
            once = {"OCPPCommCtrlr.NetworkProfileConnectionAttempts": "1"}
            target = Target(url=f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            load = load_of(target, Version.V201, **once)
            load.start()
            await centre.boots(2)
            await load.stop()
        return load

    load = asyncio.run(run())
    assert (load.answers.connected, load.answers.refused) == (2, 1)
