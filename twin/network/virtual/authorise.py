"""Who may charge: the local list, the cache, the central system, and what holds while that cannot be asked.

Online, list and cache are asked first where LocalPreAuthorize says so, and only their yes counts (1.6 3.4.1,
2.0.1 C01, C12, C14). Offline, LocalAuthorizeOffline and OfflineTxForUnknownIdEnabled decide (C13, C15).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twin.network.ocpp.wire.link import Payload
from twin.network.virtual import catalogue as c
from twin.network.virtual.parts.base import Grant, Outcome, Token

if TYPE_CHECKING:
    from twin.network.virtual.station import VirtualStation

NOBODY = Token("", "NoAuthorization")
"""Stands for whoever charges where nobody has to identify."""
ACCEPTED = "Accepted"


def grant(info: Payload) -> Grant:
    """Read an idTagInfo (1.6) or an idTokenInfo (2.x)."""
    group = info.get("parentIdTag") or (info.get("groupIdToken") or {}).get("idToken", "")
    return Grant(info["status"] == ACCEPTED, info["status"], group, info)


class Authoriser:
    """Decides about tokens.

    Args:
        station: Whose.
    """

    def __init__(self, station: VirtualStation) -> None:
        self._station = station

    def decide(self, token: Token, then: Callable[[Grant], None]) -> None:
        """Find out whether `token` may charge; `then` is told, at once or when the answer is there."""
        station = self._station
        variables = station.variables
        if not variables.flag(c.AUTH):
            then(Grant(True, ACCEPTED))
            return
        if not station.online:
            then(self.offline(token))
            return
        if variables.flag(c.LOCAL_PRE):
            known = self._known(token)
            if known is not None and known.accepted:
                then(known)
                return
        message = station.dialect.authorize(token)
        station.ask(message.action, message.payload, lambda outcome: then(self._answered(token, outcome)))

    def offline(self, token: Token) -> Grant:
        """Decide without the central system."""
        variables = self._station.variables
        known = self._known(token) if variables.flag(c.LOCAL_OFFLINE) else None
        if known is not None:
            return known
        if variables.flag(c.OFFLINE_UNKNOWN):
            return Grant(True, "Unknown")
        return Grant(False, "Invalid")

    def learn(self, token: Token, answer: Payload) -> Grant | None:
        """Take what an answer to a transaction's message says about its token; None: nothing."""
        info = self._station.dialect.token_info(answer)
        if info is None:
            return None
        self._station.fittings.tokens.learnt(token, info)
        return grant(info)

    def _known(self, token: Token) -> Grant | None:
        tokens = self._station.fittings.tokens
        listed = tokens.listed(token)
        return tokens.cached(token) if listed is None else listed

    def _answered(self, token: Token, outcome: Outcome) -> Grant:
        if not isinstance(outcome, dict):
            return self.offline(token)
        heard = self.learn(token, outcome) or Grant(False, "Invalid")
        return heard._replace(tariff=outcome.get("tariff"))
