"""What is wrong or odd about a tariff is told; what cannot be priced is refused."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from tests.money.billing.cases import BERLIN, ENERGY, FLAT, TIME, component, element, tariff, vat
from twin.money.billing.check import check
from twin.money.billing.errors import PricingError
from twin.money.billing.model import Component, PriceBound, Reservation, Step, Tariff
from twin.money.billing.pricing import Pricer

FEE = component(FLAT, "1")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class TestCheck:
    def test_a_sound_tariff_has_no_problems(self) -> None:
        """Bands with a fallback, and a bound on both sides."""
        prices = tariff(
            element(component(ENERGY, "0.4", "19"), start_time=time(8), end_time=time(20)),
            element(component(ENERGY, "0.3", "19"), FEE),
            max_price=PriceBound(Decimal(10), Decimal("11.9")),
        )
        assert check(prices) == []

    @pytest.mark.parametrize(
        ("prices", "told"),
        [
            (Tariff(id="t", currency="EUX", elements=(element(FEE),)), "EUX"),
            (Tariff(id="t", currency="eur", elements=(element(FEE),)), "eur"),
            (tariff(), "there are no elements"),
            (tariff(element()), "element 0: it has no price components"),
            (tariff(element(FEE, FEE)), "a second component"),
            (tariff(element(component(FLAT, "-1"))), "a negative price pays the driver"),
            (tariff(element(Component(FLAT, Decimal(1), vat("-1")))), "is negative"),
            (tariff(element(FEE), element(FEE)), "element 1: FLAT is never used: element 0 always wins"),
            (
                tariff(element(FEE, min_energy_wh=Decimal(5), max_energy_wh=Decimal(5))),
                "never applies: min_energy_wh 5 Wh is not below max_energy_wh 5 Wh",
            ),
            (tariff(element(FEE, min_power_w=Decimal(9), max_power_w=Decimal(5))), "min_power_w 9 W"),
            (tariff(element(FEE, min_duration_s=9, max_duration_s=5)), "min_duration_s 9 s"),
            (tariff(element(FEE, min_idle_s=-1)), "a bound of idle_s is negative"),
            (
                tariff(element(FEE, start_date=date(2026, 1, 2), end_date=date(2026, 1, 2))),
                "never applies: from",
            ),
            (tariff(element(FEE, start_time=time(8), end_time=time(8))), "starts and ends at 08:00"),
            (tariff(element(FEE, days=frozenset())), "no weekday is allowed"),
            (
                tariff(element(component(ENERGY, "1"), reservation=Reservation.USED)),
                "flat fees and time only",
            ),
            (tariff(element(FEE), valid_from=NEW_YEAR, valid_until=NEW_YEAR), "it is never valid"),
            (tariff(element(FEE), valid_from=datetime(2026, 1, 1)), "valid_from has no time zone"),  # noqa: DTZ001
            (
                tariff(element(FEE), min_price=PriceBound(Decimal(5)), max_price=PriceBound(Decimal(4))),
                "min_price 5 is above max_price 4",
            ),
            (
                tariff(element(FEE), max_price=PriceBound(Decimal(5), Decimal(4))),
                "max_price is lower with tax",
            ),
            (tariff(element(FEE), min_price=PriceBound(Decimal(-5), Decimal(4))), "min_price is negative"),
            (
                tariff(element(component(FLAT, "1", "19")), max_price=PriceBound(Decimal(5))),
                "on one side of the tax",
            ),
        ],
    )
    def test_one_problem_is_told_once(self, prices: Tariff, told: str) -> None:
        """Each tariff has exactly one."""
        (problem,) = check(prices)
        assert told in problem

    def test_all_problems_are_told_at_once(self) -> None:
        """A currency, a price and a restriction."""
        prices = Tariff(
            id="t",
            currency="ABC",
            elements=(element(component(TIME, "-1"), min_charging_s=5, max_charging_s=1),),
        )
        assert len(check(prices)) == 3


class TestRefused:
    @pytest.mark.parametrize(
        ("bad", "told"),
        [
            (component(ENERGY, "NaN"), "not a finite decimal"),
            (component(ENERGY, "1", step=-5), "step_size -5 is negative"),
            (
                component(ENERGY, "1")._replace(dynamic=(Step(5, FEE.price), Step(5, FEE.price))),
                "do not ascend",
            ),
            (Component(ENERGY, 0.5), "not a finite decimal"),
        ],
    )
    def test_a_tariff_without_a_price_is_refused(self, bad: Component, told: str) -> None:
        """By its name; `check` tells it, too."""
        prices = tariff(element(bad))
        with pytest.raises(PricingError, match=f"tariff t: element 0: ENERGY: .*{told}"):
            Pricer(prices, BERLIN)
        assert any(told in problem for problem in check(prices))

    def test_bounds_must_be_numbers(self) -> None:
        """Of the price and of restrictions."""
        nan = Decimal("NaN")
        prices = tariff(element(FEE, min_energy_wh=nan, max_energy_wh=Decimal(1)), max_price=PriceBound(nan))
        with pytest.raises(PricingError) as caught:
            Pricer(prices, BERLIN)
        assert caught.value.problems == (
            "tariff t: max_price is not a finite decimal",
            "tariff t: element 0: a bound of energy_wh is not a finite decimal",
        )

    @pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc"])
    def test_an_unknown_zone_is_refused(self, name: str) -> None:
        """With an example of a known one."""
        with pytest.raises(PricingError, match="is not a time zone: write one of IANA"):
            Pricer(tariff(element(FEE)), name)
