"""Certificates of stations: signing requests are answered and the result is sent; what is asked of others is told truthfully.

SignCertificate and CertificateSigned (1.6 security whitepaper A02 and A03, 2.x A02 and A03), renewal before expiry by
TriggerMessage, Get15118EVCertificate, GetCertificateStatus and, in 2.1, GetCertificateChainStatus and VatNumberValidation. Where no
provider is configured the answer is Failed or Rejected: nothing is made up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias, cast

from twin.domain.clock import Timer
from twin.domain.journal import Entry
from twin.network.clock import instant
from twin.network.ocpp.csms.operations.office import Office, OperationsPart
from twin.network.ocpp.csms.parts import Handlers
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import WireError
from twin.network.ocpp.wire.link import Answer, Payload, Then

if TYPE_CHECKING:  # what signs is 7 MB: loaded by whoever makes an authority
    from twin.network.ocpp.security.authority import Authority

V16, V201, V21 = Version.V16, Version.V201, Version.V21
STATION, V2G = "ChargingStationCertificate", "V2GCertificate"
Provider: TypeAlias = Callable[[Station, Payload], Awaitable[Payload]]
"""Answers Get15118EVCertificate or GetCertificateStatus from a certificate provider or an OCSP responder."""
RENEW_BEFORE_S = 30 * 86_400.0
"""A certificate is renewed when it has less left; or when a tenth of its life is left, if that is later."""
_DAY_S = 86_400.0


class Certificates(OperationsPart):
    """Signs what stations ask for, remembers until when, and has it renewed.

    Args:
        office: Clock, journal, voice.
        authority: Who signs; None: requests are rejected.
        days: How long a certificate is valid.
        contracts: Answers Get15118EVCertificate; None: Failed.
        status: Answers GetCertificateStatus; None: Failed.
    """

    name = "certificate"

    def __init__(
        self,
        office: Office,
        authority: Authority | None = None,
        *,
        days: float = 365.0,
        contracts: Provider | None = None,
        status: Provider | None = None,
    ) -> None:
        super().__init__(office)
        self._authority = authority
        self._days = days
        self._contracts, self._status = contracts, status
        self._expires: dict[tuple[str, str], float] = {}
        self._timers: dict[tuple[str, str], Timer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._connected: dict[str, Station] = {}

    def handlers(self) -> Handlers:
        """What stations ask about certificates, in every version that has it."""
        two: Handlers = {
            (version, action): handler
            for version in (V201, V21)
            for action, handler in {
                "SignCertificate": self._sign,
                "Get15118EVCertificate": self._contract,
                "GetCertificateStatus": self._ocsp,
            }.items()
        }
        return {
            **two,
            (V16, "SignCertificate"): self._sign,
            (V21, "GetCertificateChainStatus"): self._chain_status,
            (V21, "VatNumberValidation"): self._vat,
        }

    def expires_s(self, station: str, use: str = STATION) -> float | None:
        """Return when the last certificate that a station took ends; None: it took none."""
        return self._expires.get((station, use))

    def accepted(self, station: Station) -> None:
        """It can be called now: renew what is due."""
        self._connected[station.identity] = station
        for identity, use in list(self._expires):
            if identity == station.identity:
                self._plan(station, use)

    def disconnected(self, station: Station) -> None:
        """Renewal waits for the next time."""
        self._connected.pop(station.identity, None)
        for key in [key for key in self._timers if key[0] == station.identity]:
            self._timers.pop(key).cancel()

    def restore(self, entry: Entry) -> None:
        """Take back until when certificates are valid; those that were only sent do not count."""
        if entry.kind == "certificate.taken":
            key = entry.stream, str(entry.body["use"])
            self._expires[key] = cast("float", entry.body["expires_s"])

    def _sign(self, station: Station, payload: Payload) -> Answer:
        use = payload.get("certificateType", STATION)
        if self._authority is None:
            return self._refused(station, use, "no certificate authority is configured")
        try:
            chain, expires_s = self._issue(station, use, payload["csr"])
        except ValueError as error:
            return self._refused(station, use, str(error))
        request = payload.get("requestId")
        return Then(
            {"status": "Accepted"}, lambda: self._do(self._deliver(station, use, chain, expires_s, request))
        )

    def _issue(self, station: Station, use: str, csr: str) -> tuple[str, float]:
        """Check a request and sign it.

        Raises:
            ValueError: It cannot be read, is for somebody else, or its key is too weak.
        """
        assert self._authority is not None
        request, who = self._authority.read(csr)
        info = station.boot_info
        serials = {
            info.get(key) for key in ("serialNumber", "chargePointSerialNumber", "chargeBoxSerialNumber")
        }
        if use == STATION and who not in {station.identity, *serials}:
            raise ValueError(f"the common name {who!r} is neither identity nor serial number of the station")
        clock = self.office.desk.clock
        at = instant(clock.epoch_ns, clock.now_s)
        return self._authority.sign(request, at, self._days), clock.now_s + timedelta(
            days=self._days
        ).total_seconds()

    def _refused(self, station: Station, use: str, why: str) -> Payload:
        self.office.record(station.identity, "certificate.refused", {"use": use, "why": why})
        return {"status": "Rejected"}

    async def _deliver(
        self, station: Station, use: str, chain: str, expires_s: float, request: int | None
    ) -> None:
        payload: Payload = {"certificateChain": chain}
        if station.version.two:
            payload["certificateType"] = use
        if request is not None:
            payload["requestId"] = request
        body = {"use": use, "expires_s": expires_s}
        try:
            answer = await self.office.call(station, "CertificateSigned", payload)
        except WireError as error:
            self.office.record(station.identity, "certificate.undelivered", {**body, "why": str(error)})
            return
        if answer["status"] != "Accepted":
            self.office.record(station.identity, "certificate.unwanted", body)
            return
        self._expires[station.identity, use] = expires_s
        self.office.record(station.identity, "certificate.taken", body)
        self._plan(station, use)

    def _plan(self, station: Station, use: str) -> None:
        key = station.identity, use
        early_s = min(RENEW_BEFORE_S, self._days * _DAY_S / 10)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        due_s = self._expires[key] - early_s
        self._timers[key] = self.office.desk.clock.call_at(due_s, lambda: self._do(self._renew(station, use)))

    async def _renew(self, station: Station, use: str) -> None:
        """Ask the station for a new request (1.6: ExtendedTriggerMessage; 2.x: TriggerMessage); once per connection and day."""
        if station.version.two:
            wanted = "SignChargingStationCertificate" if use == STATION else "SignV2GCertificate"
            action, message = "TriggerMessage", wanted
        else:
            action, message = "ExtendedTriggerMessage", "SignChargePointCertificate"
        outcome = ""
        try:
            outcome = str((await self.office.call(station, action, {"requestedMessage": message}))["status"])
        except WireError as error:
            outcome = str(error)
        left_s = self._expires[station.identity, use] - self.office.now_s
        self.office.record(
            station.identity, "certificate.renewal", {"use": use, "left_s": left_s, "outcome": outcome}
        )
        if station.identity in self._connected:
            key = station.identity, use
            again = self.office.desk.clock.call_later(_DAY_S, lambda: self._do(self._renew(station, use)))
            self._timers[key] = again

    async def _contract(self, station: Station, payload: Payload) -> Answer:
        if self._contracts is not None:
            return await self._contracts(station, payload)
        self.office.tell(station.identity, "certificate.no-provider", {"action": "Get15118EVCertificate"})
        return {"status": "Failed", "exiResponse": "", "statusInfo": {"reasonCode": "NoProvider"}}

    async def _ocsp(self, station: Station, payload: Payload) -> Answer:
        if self._status is not None:
            return await self._status(station, payload)
        self.office.tell(station.identity, "certificate.no-provider", {"action": "GetCertificateStatus"})
        return {"status": "Failed", "statusInfo": {"reasonCode": "NoProvider"}}

    def _chain_status(self, _station: Station, payload: Payload) -> Answer:
        now = self.office.desk.wire_now()
        return {
            "certificateStatus": [
                {
                    "certificateHashData": asked["certificateHashData"],
                    "source": asked["source"],
                    "status": "Failed",
                    "nextUpdate": now,
                }
                for asked in payload["certificateStatusRequests"]
            ]
        }

    def _vat(self, _station: Station, payload: Payload) -> Answer:
        answer: Payload = {"status": "Rejected", "vatNumber": payload["vatNumber"]}
        if "evseId" in payload:
            answer["evseId"] = payload["evseId"]
        return {**answer, "statusInfo": {"reasonCode": "NoProvider"}}

    def _do(self, job: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
