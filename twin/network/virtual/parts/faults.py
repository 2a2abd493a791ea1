"""What goes wrong at a station, by seed: each kind of fault has its own random stream and rate."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from twin import rng
from twin.domain.clock import Timer
from twin.network.clock import from_wire, to_wire
from twin.network.ocpp.wire.link import Payload
from twin.network.virtual.parts.base import Host
from twin.network.virtual.parts.quirks import QuirkPart
from twin.network.virtual.parts.rewriting import REGISTER, change_stamps, samples
from twin.network.virtual.parts.trouble import MALFORMED, TroubledLink

_HOUR_S = 3600.0
_SLOW_S = 5.0
"""How late frames are while a station is slow."""
_WRONG_S = 3600.0
"""How far a wrong clock is ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """How often each fault begins, per station and hour; 0: never."""

    drop: float = 0.0
    """The TCP connection is cut without a word."""
    freeze: float = 0.0
    """Neither reads nor writes for `lasting_s`; the socket stays open."""
    slow: float = 0.0
    """Frames leave 5 s late."""
    duplicate: float = 0.0
    """Every frame is sent twice."""
    malformed: float = 0.0
    """One frame that no station should send."""
    reboot: float = 0.0
    """Starts anew, where a transaction runs."""
    clock: float = 0.0
    """Timestamps are an hour ahead."""
    register: float = 0.0
    """The energy register in meter values falls to 0."""
    refuse: float = 0.0
    """Every charging profile is rejected."""
    lasting_s: float = 60.0
    """How long those last that last."""

    @classmethod
    def read(cls, text: str) -> FaultRates:
        """Return the rates of `drop=2,freeze=0.5`.

        Raises:
            ValueError: A name is unknown or a rate is no number >= 0.
        """
        known = [field.name for field in fields(cls)]
        values: dict[str, float] = {}
        for part in filter(None, text.split(",")):
            name, _, rate = part.partition("=")
            if name not in known:
                raise ValueError(f"{name}: unknown fault, expected one of {', '.join(known)}")
            try:
                values[name] = float(rate)
            except ValueError:
                values[name] = math.nan
            if not 0.0 <= values[name] < math.inf:
                raise ValueError(f"{part}: a rate is a number >= 0, per hour: {name}=2")
        return cls(**values)


KINDS = tuple(field.name for field in fields(FaultRates) if field.name != "lasting_s")


class Faults:
    """The faults of one station. Implements `base.Rewrite` for wrong clocks and registers.

    Args:
        host: The station.
        rates: How often what goes wrong.
        quirks: Of the station; refusing profiles is one of them.
    """

    def __init__(self, host: Host, rates: FaultRates, quirks: QuirkPart) -> None:
        self._host, self._rates, self._quirks = host, rates, quirks
        self._usual = quirks.quirks
        self._streams: dict[str, np.random.Generator] = {}
        self._timers: dict[str, Timer] = {}
        self._active: set[str] = set()
        self.link: TroubledLink | None = None
        """The present connection; None: there is none."""
        self.count: dict[str, int] = {}
        """How often each kind began."""
        self._acts: dict[str, Callable[[bool], None]] = {
            "drop": self._drop, "freeze": self._freeze, "slow": self._slow, "duplicate": self._duplicate,
            "malformed": self._malformed, "reboot": self._reboot, "refuse": self._refuse,
        }  # fmt: skip

    def start(self) -> None:
        """Begin to go wrong."""
        for kind in KINDS:
            if getattr(self._rates, kind) > 0.0:
                self._streams[kind] = rng.stream(
                    self._host.settings.seed, "station", self._host.settings.identity, "fault", kind
                )
                self._schedule(kind)

    def stop(self) -> None:
        """Nothing begins any more; what lasts ends."""
        for timer in self._timers.values():
            timer.cancel()
        for kind in list(self._active):
            self.end(kind)

    def _schedule(self, kind: str) -> None:
        gap_s = float(self._streams[kind].exponential(_HOUR_S / getattr(self._rates, kind)))
        self._timers[kind] = self._host.clock.call_later(gap_s, lambda: self._due(kind))

    def _due(self, kind: str) -> None:
        self._schedule(kind)
        if kind not in self._active:
            self.begin(kind)
            self._host.clock.call_later(self._rates.lasting_s, lambda: self.end(kind))

    def begin(self, kind: str) -> None:
        """Let a fault begin.

        Raises:
            ValueError: There is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind}: unknown fault, expected one of {', '.join(KINDS)}")
        self._active.add(kind)
        self.count[kind] = self.count.get(kind, 0) + 1
        if kind in self._acts:
            self._acts[kind](True)

    def end(self, kind: str) -> None:
        """Let a fault end; harmless where it is over."""
        if kind in self._active:
            self._active.discard(kind)
            if kind in self._acts:
                self._acts[kind](False)

    def attach(self, link: TroubledLink) -> None:
        """A connection was opened: what lasts troubles this one too."""
        self.link = link
        for kind in ("freeze", "slow", "duplicate"):
            if kind in self._active:
                self._acts[kind](True)

    def _drop(self, on: bool) -> None:
        if on and self.link is not None:
            self.link.drop()

    def _freeze(self, on: bool) -> None:
        if self.link is not None:
            self.link.freeze(on)

    def _slow(self, on: bool) -> None:
        if self.link is not None:
            self.link.delay_s = _SLOW_S if on else 0.0

    def _duplicate(self, on: bool) -> None:
        if self.link is not None:
            self.link.twice = on

    def _malformed(self, on: bool) -> None:
        if on and self.link is not None:
            self.link.send(MALFORMED[self.count["malformed"] % len(MALFORMED)])

    def _reboot(self, on: bool) -> None:
        if on and self._host.charging():
            self._host.reboot("Watchdog")

    def _refuse(self, on: bool) -> None:
        self._quirks.quirks = replace(self._usual, refuses_profiles=("all",)) if on else self._usual

    def outgoing(self, action: str, payload: Payload, /) -> Payload:
        """See `base.Rewrite.outgoing`."""
        if not self._active & {"clock", "register"}:
            return payload
        changed: Payload = copy.deepcopy(payload)
        if "clock" in self._active:
            change_stamps(changed, self._ahead)
        if "register" in self._active and action in {"MeterValues", "TransactionEvent"}:
            for sampled in samples(changed):
                if sampled.get("measurand", REGISTER) == REGISTER and sampled.get("format") != "SignedData":
                    sampled["value"] = "0" if isinstance(sampled["value"], str) else 0.0
        return changed

    def _ahead(self, text: str) -> str:
        return to_wire(0, from_wire(0, text).t_s + _WRONG_S)
