"""Lets prices hear what stations of 2.1 say that a transaction costs, behind the part that answers them."""

from __future__ import annotations

from collections.abc import Awaitable

from twin.network.ocpp.csms.parts import Handler, Handlers, Part
from twin.network.ocpp.csms.pricing import Prices
from twin.network.ocpp.csms.station import Station
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Answer, Payload

_EVENT = (Version.V21, "TransactionEvent")


class WithPrices:
    """A part of which TransactionEvent is heard by two: it answers, then prices compare.

    Args:
        part: Who answers.
        prices: Who compares.
    """

    def __init__(self, part: Part, prices: Prices) -> None:
        self._part, self._prices = part, prices
        self.name = part.name
        self.connected, self.accepted = part.connected, part.accepted
        self.disconnected, self.restore = part.disconnected, part.restore

    def handlers(self) -> Handlers:
        """Those of the part."""
        handlers = dict(self._part.handlers())
        if _EVENT in handlers:
            handlers[_EVENT] = self._compared(handlers[_EVENT])
        return handlers

    def _compared(self, handler: Handler) -> Handler:
        def both(station: Station, payload: Payload) -> Answer | Awaitable[Answer]:
            answer = handler(station, payload)
            if "costDetails" in payload:
                self._prices.compare(station, payload)
            return answer

        return both
