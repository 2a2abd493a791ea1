"""Network connection profiles of 2.x: which central system is dialled, and which one after that fails (B09, B10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from twin.network.ocpp.wire.link import Answer, Payload
from twin.network.virtual import catalogue as c
from twin.network.virtual.parts.base import TWO, Handlers, Host
from twin.network.virtual.parts.plain import PlainPart, status
from twin.network.virtual.parts.standard import (
    ACTIVE_SLOT,
    CONNECTION_ATTEMPTS,
    FIRST_SLOT,
    PRIORITY,
    SECURITY_PROFILE,
)

TABLE = "network-profiles"
_OLD = {"OCPP12", "OCPP15", "OCPP16"}
"""Versions of which a station that takes this message speaks none."""
_TLS = 2
"""The lowest security profile with TLS."""


class Profile(NamedTuple):
    """One way to a central system."""

    url: str
    security: int
    """Security profile."""
    timeout_s: int
    """messageTimeout; 0: as it was."""
    identity: str = ""
    """Empty: the station's own (2.1 may give another)."""
    password: str = ""
    """Empty: SecurityCtrlr.BasicAuthPassword."""


class Network(PlainPart):
    """The configuration slots of one station. The first is where it was told to connect by whoever set it up.

    Args:
        host: The station; its variables are defined already.
        able: Whether it could connect with a security profile: a root certificate from 2, its own from 3.
    """

    def __init__(self, host: Host, able: Callable[[int], bool]) -> None:
        super().__init__(host)
        self._able = able
        self._turn = 0
        """How many slots were given up since one worked."""
        self._failures = 0
        self._fallback = host.variables.text(ACTIVE_SLOT)
        """The slot that worked last."""

    def handlers(self) -> Handlers:
        """SetNetworkProfile."""
        return {(version, "SetNetworkProfile"): self._set for version in TWO}

    def booted(self) -> None:
        """Each start begins with the first of NetworkConfigurationPriority (B10.FR.01)."""
        self._turn = self._failures = 0

    @property
    def slot(self) -> str:
        """The slot to dial now: in the order of priority, then the one that worked last (B10.FR.07)."""
        order = list(self.host.variables.names(PRIORITY))
        if self._fallback not in order:
            order.append(self._fallback)
        return order[self._turn % len(order)]

    @property
    def profile(self) -> Profile | None:
        """What `slot` holds; None: the station is to be connected as it was set up."""
        return self._profiles.get(self.slot)

    @property
    def _profiles(self) -> dict[str, Profile]:
        return {slot: Profile(*row) for slot, row in self.host.store.rows(TABLE)}

    def failed(self) -> None:
        """An attempt failed: after NetworkProfileConnectionAttempts of them the next slot is tried (B10.FR.03)."""
        self._failures += 1
        if self._failures >= self.host.variables.integer(CONNECTION_ATTEMPTS):
            self._failures, self._turn = 0, self._turn + 1

    def up(self) -> bool:
        """The present slot works; return whether it is another one than before.

        A higher security profile than before is for ever: slots with a lower one leave the order (A05.FR.06).
        """
        host, slot, profile = self.host, self.slot, self.profile
        changed, self._failures = slot != self._fallback, 0
        if not changed:
            return False
        self._fallback = slot
        host.variables.write(ACTIVE_SLOT, slot)
        if profile is not None:
            if profile.timeout_s:
                host.variables.write(c.MESSAGE_TIMEOUT, str(profile.timeout_s))
            if profile.security > host.variables.integer(SECURITY_PROFILE):
                self._secured(profile.security)
        return True

    def _secured(self, security: int) -> None:
        variables, profiles = self.host.variables, self._profiles
        kept = [s for s in variables.names(PRIORITY) if s in profiles and profiles[s].security >= security]
        variables.write(SECURITY_PROFILE, str(security))
        variables.write(PRIORITY, ",".join(kept))
        variables.rebooted()  # a connection with it exists: there is nothing to wait for
        self._turn = 0

    def orders(self, text: str) -> bool:
        """Whether NetworkConfigurationPriority may become `text`: every slot is set and could be connected with."""
        slots, profiles = [part.strip() for part in text.split(",") if part.strip()], self._profiles
        return bool(slots) and all(
            self._first_will_do
            if slot == FIRST_SLOT
            else slot in profiles and self._able(profiles[slot].security)
            for slot in slots
        )

    @property
    def _first_will_do(self) -> bool:
        """Whether the connection that it was set up with is as secure as the present one."""
        security = int(self.host.settings.first_value(SECURITY_PROFILE) or SECURITY_PROFILE.default)
        return security >= self.host.variables.integer(SECURITY_PROFILE)

    def _set(self, payload: Payload) -> Answer:
        slot, data = str(payload["configurationSlot"]), payload["connectionData"]
        why = self._wrong(slot, data)
        if why:
            return status("Rejected", *why)
        self.host.store.put(TABLE, slot, list(_read(data)))
        return status("Accepted")

    def _wrong(self, slot: str, data: dict[str, Any]) -> tuple[str, str] | None:
        if slot not in PRIORITY.values:  # B09.FR.05
            return "InvalidValue", f"slot {slot} is none of {', '.join(PRIORITY.values)}"
        if slot in {FIRST_SLOT, self._fallback}:
            return "InvalidValue", f"slot {slot} holds the connection that this station can fall back on"
        url = urlsplit(data["ocppCsmsUrl"])
        secure = data["securityProfile"] >= _TLS
        if url.scheme != ("wss" if secure else "ws") or not url.hostname:
            return "InvalidURL", "expected wss://HOST with security profiles 2 and 3, else ws://HOST"
        if data["securityProfile"] < self.host.variables.integer(SECURITY_PROFILE):  # B09.FR.04
            return "InvalidValue", "a security profile is never lowered"
        if not 0 <= data["securityProfile"] <= SECURITY_PROFILE.high or data["messageTimeout"] < 0:
            return "ValueOutOfRange", "securityProfile is 0 to 3, messageTimeout not negative"
        if data["ocppTransport"] == "SOAP" or data.get("ocppVersion") in _OLD:
            return "UnsupportedParam", "it speaks OCPP 2 over JSON"
        if "apn" in data or "vpn" in data:
            return "UnsupportedParam", "it has neither modem nor VPN"
        return None


def _read(data: dict[str, Any]) -> Profile:
    return Profile(
        url=data["ocppCsmsUrl"], security=data["securityProfile"], timeout_s=data["messageTimeout"],
        identity=data.get("identity", ""), password=data.get("basicAuthPassword", ""),
    )  # fmt: skip
