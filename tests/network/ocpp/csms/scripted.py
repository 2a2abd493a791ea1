# ruff: noqa: N802  (methods are named after the actions that they answer)
"""A scripted station with a car, joined to a central system in memory; time moves when the test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar

from twin.domain.clock import Timer
from twin.domain.events import LimitNotObeyed, Noted
from twin.domain.journal import Journal
from twin.network.clock import to_wire
from twin.network.ocpp.csms.capabilities import Capabilities
from twin.network.ocpp.csms.core import Core
from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.lanes import Conduct
from twin.network.ocpp.csms.operations.office import Office
from twin.network.ocpp.csms.operations.reports import Reports
from twin.network.ocpp.csms.provisioning import Provisioning
from twin.network.ocpp.csms.quirk_profiles import QuirkBook
from twin.network.ocpp.csms.quirks import Quirks
from twin.network.ocpp.csms.smart_charging import SmartCharging
from twin.network.ocpp.csms.station import Station, StationPolicy
from twin.network.ocpp.csms.wanted import Wanted
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.endpoint import Endpoint
from twin.network.ocpp.wire.errors import Code, Refusal
from twin.network.ocpp.wire.link import Payload
from twin.network.ocpp.wire.pipe import counter, pipe
from twin.store.memory import MemoryJournal

EPOCH_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""
VOLTAGE_V = 230.0


class HandClock:
    """Time stands still until `Bench.until` moves it."""

    epoch_ns = EPOCH_NS

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._cancelled: set[int] = set()

    def call_at(self, t_s: float, callback: Callable[[], None], /) -> Timer:
        number = next(self._numbers)
        heapq.heappush(self._due, (max(t_s, self.now_s), number, callback))
        return _Timer(self._cancelled, number)

    def call_later(self, delay_s: float, callback: Callable[[], None], /) -> Timer:
        return self.call_at(self.now_s + delay_s, callback)

    def next_due(self, until_s: float) -> Callable[[], None] | None:
        """Move to the next timer before `until_s` and return its callback."""
        while self._due and self._due[0][0] <= until_s:
            t_s, number, callback = heapq.heappop(self._due)
            if number not in self._cancelled:
                self.now_s = t_s
                return callback
        self.now_s = until_s
        return None


class _Timer:
    def __init__(self, cancelled: set[int], number: int) -> None:
        self._cancelled, self._number = cancelled, number

    def cancel(self) -> None:
        self._cancelled.add(self._number)


async def settle() -> None:
    """Let everything happen that does not wait for the clock."""
    for _ in range(60):
        await asyncio.sleep(0)


class Bench:
    """A central system on a clock that stands still."""

    def __init__(
        self,
        *,
        conduct: Conduct | None = None,
        wanted: Wanted | None = None,
        book: QuirkBook | None = None,
        journal: Journal | None = None,
        provision: bool = True,
    ) -> None:
        self.clock = HandClock()
        self.facts: list[Any] = []
        self.journal = journal or MemoryJournal(keep=True)
        self.core = Core(self.clock, self.journal, self.facts.append, unknown_tokens="accept")
        self.office = Office(self.core.desk, lambda *_: None)
        self.reports = Reports(self.clock)
        self.provisioning = Provisioning(self.office, self.reports, book, wanted)
        known = self.provisioning.capabilities if provision else lambda _: Capabilities()
        self.charging = SmartCharging(self.office, known, conduct)
        self.provisioning.ready = self.charging.ready
        parts = [*self.core.parts, self.office, self.charging]
        if provision:
            parts.append(self.reports.overhear(self.provisioning))
        self.csms = Csms(
            self.clock, self.journal, parts, self.facts.append, accept="any", desk=self.core.desk
        )
        self.csms.restore()

    def connect(self, charger: Charger, policy: StationPolicy | None = None) -> Station:
        """Join a scripted station; it has not said anything yet."""
        if policy is not None:
            self.csms.register(charger.identity, policy)
        station_link, csms_link = pipe(charger.version, charger.identity)
        ours = self.csms.attach(csms_link)
        csms_link.join(ours)
        charger.join(station_link, self.clock)
        return self.csms.stations[charger.identity]

    async def boot(self, charger: Charger, policy: StationPolicy | None = None) -> Station:
        """Join a scripted station, boot it, and let the set-up be done."""
        station = self.connect(charger, policy)
        await charger.boot()
        await settle()
        return station

    async def until(self, t_s: float) -> None:
        """Let time pass."""
        await settle()
        while (callback := self.clock.next_due(t_s)) is not None:
            callback()
            await settle()
        await settle()

    def notes(self) -> list[str]:
        """The rules of what was noted."""
        return [fact.rule for fact in self.facts if isinstance(fact, Noted)]

    def disobeyed(self) -> list[LimitNotObeyed]:
        return [fact for fact in self.facts if isinstance(fact, LimitNotObeyed)]


Answerer = Callable[[Payload], Payload | Awaitable[Payload]]


class Charger:
    """A well-behaved station with one connector and a car of 32 A on three phases.

    `answers` overrides how an action is answered. What is obeyed is `obeyed_a`: the lowest limit of the profiles that
    were taken, TxProfile before TxDefaultProfile, as the version says.
    """

    phases = 3
    car_a = 32.0
    keys: ClassVar[dict[str, str]] = {
        "NumberOfConnectors": "1",
        "SupportedFeatureProfiles": "Core,SmartCharging,RemoteTrigger",
        "ChargingScheduleAllowedChargingRateUnit": "Current",
        "ChargeProfileMaxStackLevel": "8",
        "ChargingScheduleMaxPeriods": "24",
        "MaxChargingProfilesInstalled": "10",
        "HeartbeatInterval": "300",
        "MeterValuesSampledData": "Energy.Active.Import.Register",
        "MeterValueSampleInterval": "0",
        "MeterValuesAlignedData": "",
        "ClockAlignedDataInterval": "0",
        "StopTxnSampledData": "Energy.Active.Import.Register",
    }

    def __init__(
        self,
        identity: str = "cp-1",
        version: Version = Version.V16,
        *,
        vendor: str = "Acme",
        model: str = "Wall",
    ) -> None:
        self.identity, self.version = identity, version
        self.vendor, self.model, self.firmware = vendor, model, "1.0"
        self.asked: list[tuple[str, Payload]] = []
        """Every call that came, in order."""
        self.answers: dict[str, Answerer] = {}
        self.config = dict(self.keys)
        self.profiles: dict[str, Payload] = {}
        """Purpose to the profile taken last."""
        self.transaction: str | None = None
        self.token = "tag-1"
        self.register_wh = 1000.0
        self.endpoint: Endpoint

    def join(self, link: Any, clock: HandClock) -> None:
        self.clock = clock
        self.endpoint = Endpoint(
            link, self._handle, clock=clock, station_side=True, new_id=counter(self.identity + "-")
        )
        link.join(self.endpoint)

    # what it says

    async def boot(self) -> None:
        if self.version.two:
            body: Payload = {
                "reason": "PowerUp",
                "chargingStation": {
                    "vendorName": self.vendor,
                    "model": self.model,
                    "firmwareVersion": self.firmware,
                },
            }
        else:
            body = {
                "chargePointVendor": self.vendor,
                "chargePointModel": self.model,
                "firmwareVersion": self.firmware,
            }
        await self.call("BootNotification", body)

    async def call(self, action: str, body: Payload) -> Payload:
        """Say something and wait for the answer, without letting time pass."""
        done = asyncio.ensure_future(self.endpoint.call(action, body))
        await settle()
        assert done.done(), f"{action} was not answered"
        return done.result()

    def now(self) -> str:
        return to_wire(EPOCH_NS, self.clock.now_s)

    async def status(self, status: str) -> None:
        if self.version.two:
            body = {"timestamp": self.now(), "connectorStatus": status, "evseId": 1, "connectorId": 1}
        else:
            body = {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": self.now()}
        await self.call("StatusNotification", body)

    async def start(self) -> None:
        """Begin a transaction."""
        if self.version.two:
            self.transaction = f"tx-{len(self.asked)}"
            await self._event("Started", "Authorized")
        else:
            done = self.endpoint.call(
                "StartTransaction",
                {
                    "connectorId": 1,
                    "idTag": self.token,
                    "meterStart": round(self.register_wh),
                    "timestamp": self.now(),
                },
            )
            done.add_done_callback(self._numbered)
        await settle()

    def _numbered(self, done: asyncio.Future[Payload]) -> None:
        self.transaction = str(done.result()["transactionId"])

    async def stop(self, reason: str = "Local") -> None:
        """End the transaction; its TxProfile goes with it."""
        self.register_wh += 1.0
        if self.version.two:
            await self._event("Ended", "StopAuthorized")
        else:
            assert self.transaction is not None
            await self.call(
                "StopTransaction",
                {
                    "transactionId": int(self.transaction),
                    "meterStop": round(self.register_wh),
                    "timestamp": self.now(),
                    "reason": reason,
                },
            )
        self.transaction = None
        self.profiles.pop("TxProfile", None)
        await settle()

    async def meter(self) -> float:
        """Report what is drawn now; return it in A per phase."""
        drawn_a = self.drawn_a()
        values = [
            self._sample("Current.Import", drawn_a, "A", f"L{phase}") for phase in range(1, self.phases + 1)
        ] + [self._sample("Power.Active.Import", drawn_a * VOLTAGE_V * self.phases, "W", None)]
        reading = {"timestamp": self.now(), "sampledValue": values}
        if self.version.two and self.transaction is None:
            await self.call("MeterValues", {"evseId": 1, "meterValue": [reading]})
        elif self.version.two:
            await self._event("Updated", "MeterValuePeriodic", meterValue=[reading])
        else:
            body: Payload = {"connectorId": 1, "meterValue": [reading]}
            if self.transaction is not None:
                body["transactionId"] = int(self.transaction)
            await self.call("MeterValues", body)
        await settle()
        return drawn_a

    def drawn_a(self) -> float:
        """What the car draws: nothing without a transaction or below the smallest pilot."""
        if self.transaction is None:
            return 0.0
        limit_a = min(self.obeyed_a(), self.car_a)
        return limit_a if limit_a >= 6.0 else 0.0

    def obeyed_a(self) -> float:
        """The limit that its profiles mean to it, in A per phase."""
        found = self.profiles.get("TxProfile") or self.profiles.get("TxDefaultProfile")
        limits = [found, self.profiles.get("ChargePointMaxProfile")]
        limits.append(self.profiles.get("ChargingStationMaxProfile"))
        return min((self.limit_a(one) for one in limits if one is not None), default=float("inf"))

    def limit_a(self, profile: Payload) -> float:
        """The present limit of a profile, which has one period."""
        schedule = profile["chargingSchedule"]
        schedule = schedule[0] if self.version.two else schedule
        limit = float(schedule["chargingSchedulePeriod"][0]["limit"])
        return limit if schedule["chargingRateUnit"] == "A" else limit / VOLTAGE_V / self.phases

    # what it is asked

    def count(self, action: str) -> int:
        return len(self.bodies(action))

    def bodies(self, action: str) -> list[Payload]:
        return [body for name, body in self.asked if name == action]

    def purposes(self) -> list[str]:
        """Purposes of the profiles that were sent, in order."""
        return [self.profile_of(body)["chargingProfilePurpose"] for body in self.bodies("SetChargingProfile")]

    def profile_of(self, body: Payload) -> Payload:
        return body["chargingProfile" if self.version.two else "csChargingProfiles"]

    def take(self, body: Payload) -> Payload:
        """Accept a profile."""
        profile = self.profile_of(body)
        self.profiles[profile["chargingProfilePurpose"]] = profile
        return {"status": "Accepted"}

    def _handle(self, action: str, body: Payload) -> Payload | Awaitable[Payload]:
        self.asked.append((action, body))
        if action in self.answers:
            return self.answers[action](body)
        method = getattr(self, f"on_{action}", None)
        if method is None:
            raise Refusal(Code.NOT_IMPLEMENTED, action)
        return method(body)

    def on_GetConfiguration(self, body: Payload) -> Payload:
        keys = body.get("key") or list(self.config)
        known = [
            {"key": key, "readonly": False, "value": self.config[key]} for key in keys if key in self.config
        ]
        return {"configurationKey": known, "unknownKey": [key for key in keys if key not in self.config]}

    def on_ChangeConfiguration(self, body: Payload) -> Payload:
        if body["key"] not in self.config:
            return {"status": "NotSupported"}
        self.config[body["key"]] = body["value"]
        return {"status": "Accepted"}

    def on_SetChargingProfile(self, body: Payload) -> Payload:
        profile = self.profile_of(body)
        if profile["chargingProfilePurpose"] == "TxProfile" and (
            self.transaction is None or str(profile.get("transactionId")) != self.transaction
        ):
            return {"status": "Rejected"}
        return self.take(body)

    def on_ClearChargingProfile(self, body: Payload) -> Payload:
        number = body["chargingProfileId" if self.version.two else "id"]
        name = "id" if self.version.two else "chargingProfileId"
        gone = [purpose for purpose, one in self.profiles.items() if one[name] == number]
        for purpose in gone:
            del self.profiles[purpose]
        return {"status": "Accepted" if gone else "Unknown"}

    def on_RemoteStopTransaction(self, body: Payload) -> Payload:
        return self._stopped(str(body["transactionId"]))

    def on_RequestStopTransaction(self, body: Payload) -> Payload:
        return self._stopped(body["transactionId"])

    def _stopped(self, transaction: str) -> Payload:
        if transaction != self.transaction:
            return {"status": "Rejected"}
        self.later(self.stop("Remote"))
        return {"status": "Accepted"}

    def on_RemoteStartTransaction(self, body: Payload) -> Payload:
        self.token = body["idTag"]
        if "chargingProfile" in body:
            self.profiles["TxProfile"] = body["chargingProfile"]
        self.later(self.start())
        return {"status": "Accepted"}

    def on_TriggerMessage(self, body: Payload) -> Payload:
        return {"status": "Accepted"}

    def on_ChangeAvailability(self, body: Payload) -> Payload:
        return {"status": "Accepted"}

    def on_GetBaseReport(self, body: Payload) -> Payload:
        return {"status": "NotSupported"}

    def on_GetVariables(self, body: Payload) -> Payload:
        return {
            "getVariableResult": [
                {
                    "attributeStatus": "UnknownVariable",
                    "component": one["component"],
                    "variable": one["variable"],
                }
                for one in body["getVariableData"]
            ]
        }

    def on_SetVariables(self, body: Payload) -> Payload:
        return {
            "setVariableResult": [
                {"attributeStatus": "Accepted", "component": one["component"], "variable": one["variable"]}
                for one in body["setVariableData"]
            ]
        }

    def nothing(self, body: Payload) -> Payload:
        """Answer with CALLERROR."""
        raise Refusal(Code.NOT_IMPLEMENTED, "scripted")

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something once the present call is answered."""
        self._work = asyncio.ensure_future(work)

    async def _event(self, kind: str, reason: str, **more: Any) -> None:
        self.seq = getattr(self, "seq", -1) + 1
        await self.call(
            "TransactionEvent",
            {
                "eventType": kind,
                "timestamp": self.now(),
                "triggerReason": reason,
                "seqNo": self.seq,
                "transactionInfo": {"transactionId": self.transaction, "chargingState": "Charging"},
                "evse": {"id": 1, "connectorId": 1},
                "idToken": {"idToken": self.token, "type": "Central"},
                **more,
            },
        )

    def _sample(self, measurand: str, value: float, unit: str, phase: str | None) -> Payload:
        one: Payload = {"measurand": measurand, "context": "Sample.Periodic"}
        one |= (
            {"value": value, "unitOfMeasure": {"unit": unit}}
            if self.version.two
            else {"value": f"{value:.2f}", "unit": unit}
        )
        return one if phase is None else {**one, "phase": phase}


def policy(**quirks: Any) -> StationPolicy:
    """A policy whose operator chose these quirks."""
    return StationPolicy(quirks=Quirks(**quirks))


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a story to its end; work that failed in the background fails it."""
    failures: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        await story()

    asyncio.run(run())
    assert not failures, failures
