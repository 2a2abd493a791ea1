"""How one station connects now: what it was set up with, and what it was told over OCPP since."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.sockets import SocketLimits
from twin.network.ocpp.wire.tls import client_context, identify
from twin.network.virtual.parts.fit import Fitted
from twin.network.virtual.parts.standard import PASSWORD, SECURITY_PROFILE
from twin.network.virtual.station import VirtualStation

_TLS = 2
"""The lowest security profile with TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where stations connect to, and how they show who they are."""

    url: str
    """`ws://…` or `wss://…`; `{identity}` is replaced, else it is the last segment."""
    password: str = ""
    """For basic authentication where the station was given no other; `{identity}` is replaced."""
    tls: Callable[[], ssl.SSLContext] = client_context
    """Makes a context for `wss`: one for all, and one for each station that was given certificates over OCPP."""
    certificate: bool = False
    """Whether `tls` shows a certificate."""
    sockets: SocketLimits = field(default_factory=SocketLimits)

    @property
    def security(self) -> int:
        """The security profile that this is."""
        if self.url.startswith("wss:"):
            return 3 if self.certificate else _TLS
        return 1 if self.password else 0


class Way(NamedTuple):
    """One attempt to connect."""

    url: str
    identity: str
    password: bytes | None
    tls: ssl.SSLContext | None


class Ways:
    """Finds the way of each station.

    Args:
        target: What all were set up with.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._common: ssl.SSLContext | None = None
        self._own: dict[str, tuple[object, ssl.SSLContext]] = {}
        """By identity: what its context was made of, and the context."""

    def of(self, station: VirtualStation) -> Way:
        """Return how a station shall connect next.

        Raises:
            OSError, ssl.SSLError: A certificate is not what it should be.
        """
        target, fitted = self._target, station.fittings
        profile = fitted.network.profile if isinstance(fitted, Fitted) else None
        if profile is None:
            identity, url = station.settings.identity, _raised(station, target.url)
            return Way(url, identity, self._password(station), self._tls(station, url))
        password = profile.password.encode() if profile.password else self._password(station)
        identity = profile.identity or station.settings.identity
        return Way(profile.url, identity, password, self._tls(station, profile.url))

    def _tls(self, station: VirtualStation, url: str) -> ssl.SSLContext | None:
        if not url.startswith("wss:"):
            return None
        fitted, name = station.fittings, station.settings.identity
        own = fitted.certificates.own() if isinstance(fitted, Fitted) else None
        roots = fitted.certificates.roots if isinstance(fitted, Fitted) else []
        if own is None and not roots:
            if self._common is None:
                self._common = self._target.tls()
            return self._common
        made_of = (own, roots)
        if name not in self._own or self._own[name][0] != made_of:
            self._own[name] = (made_of, self._made(own, roots))
        return self._own[name][1]

    def _made(self, own: tuple[str, str] | None, roots: list[str]) -> ssl.SSLContext:
        """Trust the installed roots as well, and show the station's own certificate (A02, M05)."""
        context = self._target.tls()
        for root in roots:
            context.load_verify_locations(cadata=root)
        if own is not None:
            key, chain = own
            identify(context, chain, key)
        return context

    def _password(self, station: VirtualStation) -> bytes | None:
        """Return what the station was given over OCPP, else the target's.

        An AuthorizationKey of 1.6 that is hexadecimal stands for its bytes (security extension, 2.1).
        """
        given = station.variables.by_name(PASSWORD.name)
        text = station.variables.text(given) if given is not None else ""
        if not text:
            usual = self._target.password.replace("{identity}", station.settings.identity)
            return usual.encode() if usual else None
        if station.settings.versions[0] is Version.V16 and _hexadecimal(text):
            return bytes.fromhex(text)
        return text.encode()


def _raised(station: VirtualStation, url: str) -> str:
    """Speak TLS where SecurityProfile was raised to 2 or 3, at the same address: 1.6 can tell no other."""
    known = station.variables.by_name(SECURITY_PROFILE.name)
    if known is not None and station.variables.integer(known) >= _TLS and url.startswith("ws:"):
        return f"wss:{url.removeprefix('ws:')}"
    return url


def _hexadecimal(text: str) -> bool:
    return len(text) % 2 == 0 and all(character in "0123456789abcdefABCDEF" for character in text)
