"""Who may connect: known stations, by the security profile that the operator asks of them; each odd thing is recorded."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from twin.network.ocpp.csms.csms import Csms
from twin.network.ocpp.csms.station import StationPolicy
from twin.network.ocpp.security.passwords import Match, Passwords
from twin.network.ocpp.wire.admission import Admission, Applicant, judge

Report: TypeAlias = Callable[[str], None]
"""(what was wrong) of a TLS handshake that failed."""


class StationGate:
    """Implements `wire.admission.Gate` over the registry of a central system.

    Args:
        csms: Who is known, and with which policy.
        min_security_profile: Asked of every station, whatever its own policy says: 0 to 3.
    """

    def __init__(self, csms: Csms, min_security_profile: int = 0) -> None:
        self._csms = csms
        self._least = min_security_profile
        self._passwords = Passwords()

    def admit(self, applicant: Applicant, /) -> Admission:
        """Answer one request: 404 for a station that is not known, 401 or 403 by its security profile.

        A login with the newer of two passwords ends the older one (security whitepaper A01, 2.0.1 A01.FR.10).
        """
        identity = applicant.identity
        if not self._csms.admits(identity):
            return Admission(404, f"{identity}: unknown station")
        station = self._csms.stations.get(identity)
        policy = station.policy if station is not None else StationPolicy()
        found: list[Match] = []

        def check(password: bytes) -> Match | None:
            match = self._passwords.check(policy.password_hashes, password)
            found.extend([match] if match else [])
            return match

        info = station.boot_info if station is not None else {}
        names = [str(info[key]) for key in ("serialNumber", "chargePointSerialNumber") if key in info]
        admission = judge(
            applicant,
            min_security_profile=max(policy.min_security_profile, self._least),
            check=check if policy.password_hashes else None,
            names=names,
        )
        if admission.status == 101 and found and found[0].place > 0:
            rest = policy.password_hashes[found[0].place :]
            self._csms.register(identity, replace(policy, password_hashes=rest))
        return admission


def reported(context: ssl.SSLContext, report: Report) -> ssl.SSLContext:
    """Have every failed handshake of a listener's context told: an expired or foreign certificate leaves a record.

    The peer sees an alert of TLS only; nothing above TLS ever hears of it.
    """

    class Handshake(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLCertVerificationError as error:
                report(f"certificate refused: {error.verify_message}")
                raise
            except ssl.SSLError as error:
                report(f"TLS handshake failed: {error.reason or error}")
                raise

    context.sslobject_class = Handshake
    return context
