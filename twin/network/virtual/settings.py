"""Who a virtual station is and what it is made of: what never changes while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.network.ocpp.versions import Version
from twin.network.virtual.catalogue import CORE
from twin.network.virtual.variables import Variable, Variables


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSettings:
    """One EVSE: a connector of 1.6, an EVSE of 2.x."""

    number: int
    """From 1, without gaps."""
    row: int
    """Of the physics."""
    connectors: tuple[str, ...] = ("cType2",)
    """Types of its connectors, in 2.x spelling; the first is the one that cars are plugged into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSettings:
    """One station. What can be read or set over OCPP stands in its `Variables`."""

    identity: str
    """Last part of the URL."""
    evses: tuple[EvseSettings, ...]
    versions: tuple[Version, ...] = (Version.V16,)
    """What it offers, the one it likes best first."""
    vendor: str = "Twin"
    model: str = "Virtual"
    serial: str = ""
    """Empty: the identity."""
    firmware: str = "1.0"
    token_kind: str = "ISO14443"  # noqa: S105 (a kind of card)
    """Type of the tokens that are shown to its readers, in 2.x spelling."""
    dc_voltage_v: float = 400.0
    """What a DC output shows as its voltage."""
    frequency_hz: float = 50.0
    tells_soc: bool = False
    """Whether the car tells its state of charge (ISO 15118)."""
    clock_error_s: float = 0.0
    """Of its own clock until the central system has told the time."""
    hears_time: bool = True
    """Whether currentTime sets its clock. Where its time runs faster than the central system's, that would throw
    it back at every answer, and a transaction could end before it began."""
    boot_s: float = 5.0
    """How long it takes to start."""
    connect_on_boot_s: float = 0.0
    """From the start to the first attempt to connect."""
    seed: int = 0
    values: Mapping[str, str] = field(default_factory=dict, hash=False)
    """First values of variables, by `Variable.name` or by their key of 1.6."""

    @property
    def serial_number(self) -> str:
        """What BootNotification tells, at most 25 characters."""
        return (self.serial or self.identity)[:25]

    def first_value(self, variable: Variable) -> str | None:
        """Return what a variable is set to at first, in the spelling of 2.x; None: its default."""
        text = self.values.get(variable.name)
        if text is None and variable.key and variable.key in self.values:
            return variable.from16(self.values[variable.key])
        return text


def core_variables(settings: StationSettings, variables: Variables) -> None:
    """Define what the core obeys, with the settings' own first values.

    Raises:
        ValueError: A value is none of its variable.
    """
    for variable in CORE:
        variables.define(variable, settings.first_value(variable))
