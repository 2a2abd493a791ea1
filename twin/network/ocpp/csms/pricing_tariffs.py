"""Tariffs in the words of OCPP 2.1, compiled once each for the tariff engine."""

from __future__ import annotations

import json

from twin.errors import ScenarioError
from twin.money.billing import json_text
from twin.money.billing.errors import PricingError
from twin.money.billing.ocpp21 import read_tariff
from twin.money.billing.pricing import Pricer, choose
from twin.network.ocpp.csms.pricing_session import Compiled, compiled
from twin.network.ocpp.wire.link import Payload

KEPT = 256
"""Prices may change every few minutes for years: of all tariffs the latest stay compiled."""


class Tariffs:
    """Compiles tariffs, each text once.

    Args:
        time_zone: IANA name of the zone in which their hours and days are meant.
    """

    def __init__(self, time_zone: str) -> None:
        self.time_zone = time_zone
        self._known: dict[str, Compiled] = {}

    def compile(self, tariff: Payload) -> Compiled:
        """Return what prices by a tariff.

        Raises:
            ValueError: It cannot be priced: every reason with its path.
        """
        text = json.dumps(tariff, sort_keys=True)
        if text not in self._known:
            try:
                imported = read_tariff(json_text.parse(text, f"tariff {tariff['tariffId']}"))
                self._known[text] = compiled(Pricer(imported.tariff, self.time_zone))
            except (ScenarioError, PricingError) as error:
                raise ValueError(str(error)) from None
            if len(self._known) > KEPT:
                del self._known[next(iter(self._known))]
        return self._known[text]

    def valid(self, by: Compiled, start_ms: int) -> bool:
        """Whether a tariff is in force for a session that starts at an instant (2.1 validFrom)."""
        try:
            choose([by.pricer.tariff], start_ms)
        except PricingError:
            return False
        return True
