"""Fits a virtual station with every part there is."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.base import Fittings, Host, Rewrite
from twin.network.virtual.parts.certificates import Certificates
from twin.network.virtual.parts.configuration import Configuration
from twin.network.virtual.parts.costs import Costs
from twin.network.virtual.parts.customer import Customer
from twin.network.virtual.parts.display import Display
from twin.network.virtual.parts.faults import FaultRates, Faults
from twin.network.virtual.parts.firmware import Firmware, FirmwareOptions
from twin.network.virtual.parts.logs import Logs
from twin.network.virtual.parts.monitoring import Monitoring
from twin.network.virtual.parts.network import Network
from twin.network.virtual.parts.quirks import QuirkPart, VendorQuirks
from twin.network.virtual.parts.reservation import Reservations
from twin.network.virtual.parts.signing import MeterSigner
from twin.network.virtual.parts.streams import Streams
from twin.network.virtual.parts.tokens import KnownTokens
from twin.network.virtual.parts.transfer import PretendedTransfer, Transfer

_UNUSABLE = {"Unavailable", "Faulted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """How a station is fitted."""

    quirks: VendorQuirks = field(default_factory=VendorQuirks)
    faults: FaultRates = field(default_factory=FaultRates)
    firmware: FirmwareOptions = field(default_factory=FirmwareOptions)
    transfer: Transfer | None = None
    """How files go; None: they only take their time, nothing leaves the machine."""


class _Watch:
    """Implements `base.Observer`: the device model hears, and reservations of what broke are withdrawn."""

    def __init__(self, monitoring: Monitoring, reservations: Reservations) -> None:
        self._monitoring, self._reservations = monitoring, reservations

    def observe(self, evse: int, variable: str, text: str, /) -> None:
        self._monitoring.observe(evse, variable, text)
        if variable == "AvailabilityState" and text in _UNUSABLE:
            self._reservations.withdraw(evse)


class _Wire:
    """Implements `base.Rewrite`: the log hears, quirks and faults change."""

    def __init__(self, logs: Logs, *rewrites: Rewrite) -> None:
        self._logs, self._rewrites = logs, rewrites

    def outgoing(self, action: str, payload: Payload, /) -> Payload:
        self._logs.sent(action, payload)
        for rewrite in self._rewrites:
            payload = rewrite.outgoing(action, payload)
        return payload


@dataclass(slots=True, kw_only=True)
class Fitted(Fittings):
    """The parts of one station, by name, for those who hold its strings."""

    quirk: QuirkPart
    faults: Faults
    certificates: Certificates
    display: Display
    costs: Costs
    logs: Logs
    network: Network


def outfit(host: Host, how: Outfit | None = None) -> Fitted:
    """Return every part, fitted to a station; what `base.Fit` asks for, with `how` bound.

    Args:
        host: The station.
        how: Quirks, faults, firmware, files.
    """
    how = Outfit() if how is None else how
    standard.define(host)
    transfer = how.transfer or PretendedTransfer(host.clock)
    tokens, reservations, streams = KnownTokens(host), Reservations(host), Streams(host)
    monitoring = Monitoring(host, streams)
    logs, certificates = Logs(host, transfer), Certificates(host)
    display, costs = Display(host), Costs(host)
    network = Network(host, certificates.able)
    quirk = QuirkPart(host, how.quirks)
    faults = Faults(host, how.faults, quirk)
    return Fitted(
        parts=(
            Configuration(host, certificates.able, network.orders), network, tokens, reservations, monitoring, streams, logs, certificates, display, costs,
            Customer(host, tokens), Firmware(host, transfer, how.firmware),
        ),
        tokens=tokens, reservations=reservations, signer=MeterSigner(host),
        observer=_Watch(monitoring, reservations), rewrite=_Wire(logs, quirk, faults), wrap=quirk.wrap,
        quirk=quirk, faults=faults, certificates=certificates, display=display, costs=costs, logs=logs, network=network,
    )  # fmt: skip
