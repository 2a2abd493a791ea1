"""Charging periods of others: versions, tariffs per period, reservations, ranges of power, time zones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from twin.errors import ScenarioError
from twin.money.billing.cdr_check import CdrCheck, price_cdr
from twin.money.billing.json_text import Source
from twin.money.billing.ocpi_cdr import Cdr, read_cdr


def prices(*components: tuple[Any, ...], **restrictions: Any) -> dict[str, Any]:
    """A tariff element of (type, price, VAT, step size), with restrictions."""
    named = [
        {"type": kind, "price": Decimal(price), "step_size": rest[1] if len(rest) > 1 else 1}
        | ({"vat": rest[0]} if rest and rest[0] is not None else {})
        for kind, price, *rest in components
    ]
    return {"price_components": named} | ({"restrictions": restrictions} if restrictions else {})


def tariff(id_: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Tariff object."""
    return {"id": id_, "currency": "EUR", "elements": list(elements), **more}


def period(clock: str, tariff_id: str | None = None, **volumes: Any) -> dict[str, Any]:
    """A ChargingPeriod of 29 June 2026."""
    dimensions = [{"type": kind, "volume": Decimal(str(volume))} for kind, volume in volumes.items()]
    found = {"start_date_time": f"2026-06-29T{clock}:00Z", "dimensions": dimensions}
    return found | ({"tariff_id": tariff_id} if tariff_id else {})


def cdr(*periods: dict[str, Any], end: str, tariffs: Any = (), **more: Any) -> Cdr:
    """A CDR of 29 June 2026, from its first period on."""
    document = {
        "id": "1",
        "start_date_time": periods[0]["start_date_time"],
        "end_date_time": f"2026-06-29T{end}:00Z",
        "currency": "EUR",
        "cdr_location": {},
        "tariffs": list(tariffs),
        "charging_periods": list(periods),
    }
    return read_cdr(Source(document | more, "cdr"))


def exactly(found: CdrCheck) -> tuple[str, str]:
    """Totals without and with tax."""
    return f"{found.bill.excl:f}", f"{found.bill.incl:f}"


def claims(found: CdrCheck) -> dict[str, bool]:
    """Whether each claim agrees."""
    return {f"{claim.name} {claim.side}".rstrip(): claim.agrees for claim in found.claims}


class TestVersion230:
    ONE_HOUR = period("12:00", ENERGY=10, TIME=1)

    def test_included_taxes_are_taken_out_of_the_price(self) -> None:
        """10 x 0.595 = 5.95 with 19 %, 5.00 without."""
        one = tariff("t", prices(("ENERGY", "0.595", 19)), tax_included="YES")
        found = price_cdr(
            cdr(
                self.ONE_HOUR,
                end="13:00",
                tariffs=[one],
                total_cost={"before_taxes": 5, "taxes": [{"name": "VAT", "amount": Decimal("0.95")}]},
                total_energy=10,
                total_time=1,
            )
        )
        assert exactly(found) == ("5", "5.95")
        assert claims(found) == {
            "total_cost without tax": True,
            "total_cost with tax": True,
            "total_energy": True,
            "total_time": True,
        }

    def test_excluded_taxes_are_added(self) -> None:
        """10 x 0.50 = 5.00; with 19 % 5.95."""
        one = tariff("t", prices(("ENERGY", "0.5", 19)), tax_included="NO")
        assert exactly(price_cdr(cdr(self.ONE_HOUR, end="13:00", tariffs=[one]))) == ("5", "5.95")

    def test_a_percentage_beside_no_taxes_is_noted_and_not_charged(self) -> None:
        """The document contradicts itself; the tariff says that no tax is applicable."""
        one = tariff("t", prices(("ENERGY", "0.5", 19)), tax_included="N/A")
        record = cdr(self.ONE_HOUR, end="13:00", tariffs=[one])
        assert exactly(price_cdr(record)) == ("5", "5")
        assert any("is not charged: tax_included says that no tax is applicable" in n for n in record.notes)

    def test_taxes_that_are_announced_but_not_told_are_noted(self) -> None:
        """`NO` says that taxes come on top; no price has any."""
        one = tariff("t", prices(("ENERGY", "0.5")), tax_included="NO")
        assert "tariffs.0.tax_included: NO, but no price has `vat`: no tax is calculated" in (
            cdr(self.ONE_HOUR, end="13:00", tariffs=[one]).notes
        )

    def test_several_taxes_of_a_claim_are_added_up(self) -> None:
        """5 % and 9.975 % of 5.00 are 0.25 and 0.49875, claimed as 0.50: 5.75 against 5.74875."""
        one = tariff("t", prices(("ENERGY", "0.5", Decimal("14.975"))), tax_included="NO")
        taxes = [
            {"name": "GST", "percentage": 5, "amount": Decimal("0.25"), "account_number": "12"},
            {"name": "QST", "percentage": Decimal("9.975"), "amount": Decimal("0.50")},
        ]
        total = {"before_taxes": 5, "taxes": taxes}
        found = price_cdr(cdr(self.ONE_HOUR, end="13:00", tariffs=[one], total_cost=total))
        assert [(c.claimed, c.agrees) for c in found.claims] == [
            (Decimal(5), True),
            (Decimal("5.75"), True),
        ]

    def test_a_claim_without_taxes_is_compared_without(self) -> None:
        """What it costs with tax is not claimed, so it is not compared."""
        one = tariff("t", prices(("ENERGY", "0.5", 19)), tax_included="NO")
        found = price_cdr(cdr(self.ONE_HOUR, end="13:00", tariffs=[one], total_cost={"before_taxes": 5}))
        assert claims(found) == {"total_cost without tax": True}

    @pytest.mark.parametrize(
        ("key", "limit", "due"),
        [
            ("max_price", {"before_taxes": 4, "after_taxes": Decimal("4.5")}, ("4", "4.5")),
            ("max_price", {"before_taxes": 4}, ("4", "4.76")),
            ("min_price", {"before_taxes": 6, "after_taxes": 7}, ("6", "7")),
            ("min_price", {"before_taxes": 3, "after_taxes": 7}, ("5", "7")),
        ],
    )
    def test_limits_clamp_both_sides(self, key: str, limit: dict[str, Any], due: tuple[str, str]) -> None:
        """5.00 and 5.95 before; each by itself; where only one side is given, the other follows: 4 x 1.19."""
        one = tariff("t", prices(("ENERGY", "0.5", 19)), tax_included="NO", **{key: limit})
        assert exactly(price_cdr(cdr(self.ONE_HOUR, end="13:00", tariffs=[one]))) == due

    def test_fields_of_the_other_version_are_not_obeyed_in_silence(self) -> None:
        """`excl_vat` in a document of 2.3.0 leaves `before_taxes` missing."""
        one = tariff("t", prices(("ENERGY", "0.5")), tax_included="N/A", min_price={"excl_vat": 1})
        with pytest.raises(ScenarioError, match=r"tariffs\.0\.min_price\.before_taxes: is missing"):
            cdr(self.ONE_HOUR, end="13:00", tariffs=[one])


class TestSeveralTariffs:
    DAY = tariff("DAY", prices(("ENERGY", "0.5", None, 1000), ("FLAT", "1")))
    NIGHT = tariff("NIGHT", prices(("ENERGY", "0.3", None, 1000), ("FLAT", "2")))
    BOTH = (DAY, NIGHT)

    def test_each_period_is_priced_by_the_tariff_that_it_names(self) -> None:
        """2 x 0.50 + 3 x 0.30 = 1.90, and the first flat fee, 1.00; ids are the same in any case."""
        record = cdr(
            period("12:00", "day", ENERGY=2),
            period("13:00", "NIGHT", ENERGY=3),
            end="14:00",
            tariffs=self.BOTH,
        )
        assert exactly(price_cdr(record))[0] == "2.9"

    def test_a_step_size_sees_the_total_of_both(self) -> None:
        """1.4 + 1.4 = 2.8 kWh are billed as 3: 1.4 x 0.50 + 1.6 x 0.30 = 0.70 + 0.48, and 1.00."""
        record = cdr(
            period("12:00", "DAY", ENERGY="1.4"),
            period("13:00", "NIGHT", ENERGY="1.4"),
            end="14:00",
            tariffs=self.BOTH,
        )
        assert exactly(price_cdr(record))[0] == "2.18"

    def test_a_period_that_names_none_beside_others_that_do_is_free(self) -> None:
        """OCPI: no tariff is relevant for it."""
        record = cdr(
            period("12:00", "NIGHT", ENERGY=2), period("13:00", ENERGY=3), end="14:00", tariffs=self.BOTH
        )
        assert exactly(price_cdr(record))[0] == "2.6"

    def test_where_no_period_names_one_the_first_that_is_valid_prices_all(self) -> None:
        """DAY ends before the session starts."""
        old = self.DAY | {"end_date_time": "2026-06-29T12:00:00Z"}
        record = cdr(period("12:00", ENERGY=2), end="14:00", tariffs=(old, self.NIGHT))
        assert exactly(price_cdr(record))[0] == "2.6"

    def test_a_tariff_that_it_does_not_carry_is_asked_for(self) -> None:
        """By name."""
        record = cdr(period("12:00", "NOON", ENERGY=2), end="14:00", tariffs=self.BOTH)
        with pytest.raises(
            ScenarioError, match="its periods name NOON, but it carries DAY, NIGHT; give the tariff"
        ):
            price_cdr(record)

    def test_tariffs_with_different_limits_are_refused(self) -> None:
        """OCPI does not say which of them holds."""
        dear = self.NIGHT | {"min_price": {"excl_vat": 9}}
        record = cdr(
            period("12:00", "DAY", ENERGY=2),
            period("13:00", "NIGHT", ENERGY=2),
            end="14:00",
            tariffs=(self.DAY, dear),
        )
        with pytest.raises(ScenarioError, match="its tariffs DAY, NIGHT differ in min_price"):
            price_cdr(record)

    def test_one_id_stands_once(self) -> None:
        """Whatever its case."""
        with pytest.raises(ScenarioError, match='"day" stands twice; ids are the same in any case'):
            cdr(period("12:00", ENERGY=2), end="14:00", tariffs=(self.DAY, self.NIGHT | {"id": "day"}))

    def test_without_any_tariff_one_is_asked_for(self) -> None:
        """A CDR need not carry any."""
        with pytest.raises(ScenarioError, match="it carries no tariff; give one beside it"):
            price_cdr(cdr(period("12:00", ENERGY=2), end="14:00"))


class TestReservations:
    BOOKED = tariff(
        "t",
        prices(("FLAT", "4", 20), reservation="RESERVATION_EXPIRES"),
        prices(("TIME", "2", 20, 600), reservation="RESERVATION"),
        prices(("FLAT", "0.5", 20), ("ENERGY", "0.25", 10)),
    )
    USED = (period("11:38", RESERVATION_TIME="0.3666667"), period("12:00", ENERGY=20, TIME=2))

    def test_a_used_one_adds_its_time_to_the_session(self) -> None:
        """22 minutes are billed as 30: 1.00 and 1.20; with the session's 5.50 and 6.10: 6.50 and 7.30."""
        found = price_cdr(
            cdr(
                *self.USED,
                end="14:00",
                tariffs=[self.BOOKED],
                total_cost={"excl_vat": Decimal("6.5"), "incl_vat": Decimal("7.3")},
                total_reservation_cost={"excl_vat": 1, "incl_vat": Decimal("1.2")},
                total_fixed_cost={"excl_vat": Decimal("0.5"), "incl_vat": Decimal("0.6")},
                total_energy_cost={"excl_vat": 5, "incl_vat": Decimal("5.5")},
                total_energy=20,
                total_time=2,
            )
        )
        assert exactly(found) == ("6.5", "7.3")
        assert found.agrees
        assert len(found.claims) == 10

    def test_an_expired_one_pays_fee_and_time(self) -> None:
        """4.00 + 1 h x 2.00 = 6.00; 7.20 with 20 %. That it expired is a guess, which is told."""
        record = cdr(period("12:00", RESERVATION_TIME=1), end="13:00", tariffs=[self.BOOKED])
        found = price_cdr(record)
        assert exactly(found) == ("6", "7.2")
        assert "nothing was charged, so it expired" in found.bill.warnings[0]
        assert exactly(price_cdr(record, reservation="expired")) == ("6", "7.2")
        assert not price_cdr(record, reservation="expired").bill.warnings

    def test_one_that_was_used_by_a_car_that_took_nothing(self) -> None:
        """Only whoever was there can say so: 2.00 and 2.40."""
        record = cdr(period("12:00", RESERVATION_TIME=1), end="13:00", tariffs=[self.BOOKED])
        assert exactly(price_cdr(record, reservation="used")) == ("2", "2.4")

    def test_time_of_an_expired_one_has_a_price_of_its_own(self) -> None:
        """1.5 h x 6.00 = 9.00, not 3.00 per hour on top."""
        both = tariff(
            "t",
            prices(("TIME", "3", 20, 600), reservation="RESERVATION"),
            prices(("TIME", "6", 20, 600), reservation="RESERVATION_EXPIRES"),
        )
        record = cdr(period("12:00", RESERVATION_TIME="1.5"), end="13:30", tariffs=[both])
        assert exactly(price_cdr(record)) == ("9", "10.8")


class TestRanges:
    FAST = tariff("t", prices(("ENERGY", "0.5"), min_power=50), prices(("ENERGY", "0.3")))
    STRONG = tariff("t", prices(("ENERGY", "0.5"), min_current=32), prices(("ENERGY", "0.3")))

    @pytest.mark.parametrize(
        ("told", "cost"),
        [
            ({"POWER": 60}, "5"),
            ({"POWER": 40}, "3"),
            ({"MIN_POWER": 50, "MAX_POWER": 90}, "5"),
            ({"MIN_POWER": 49, "MAX_POWER": 90}, "3"),
            ({"MAX_POWER": 60}, "5"),
            ({"MAX_POWER": 40, "POWER": 60}, "3"),
        ],
    )
    def test_the_least_power_of_a_period_decides_on_a_minimum(self, told: dict[str, Any], cost: str) -> None:
        """10 kWh at 0.50 from 50 kW on, else at 0.30; where only one end is told, it stands for both."""
        record = cdr(period("12:00", ENERGY=10, **told), end="13:00", tariffs=[self.FAST])
        found = price_cdr(record)
        assert exactly(found)[0] == cost
        assert not found.bill.warnings

    def test_the_highest_power_decides_on_a_maximum(self) -> None:
        """30 kW is not below 30."""
        slow = tariff("t", prices(("ENERGY", "0.2"), max_power=30), prices(("ENERGY", "0.3")))
        for most, cost in (("29.9", "2"), ("30", "3")):
            record = cdr(period("12:00", ENERGY=10, MIN_POWER=5, MAX_POWER=most), end="13:00", tariffs=[slow])
            assert exactly(price_cdr(record))[0] == cost

    @pytest.mark.parametrize(("hours", "cost"), [("0.2", "5"), ("0.25", "3")])
    def test_untold_power_is_energy_over_the_time_charged(self, hours: str, cost: str) -> None:
        """10 kWh in 0.2 h are 50 kW, in 0.25 h 40 kW; the bill says that this was calculated."""
        found = price_cdr(cdr(period("12:00", ENERGY=10, TIME=hours), end="13:00", tariffs=[self.FAST]))
        assert exactly(found)[0] == cost
        assert "period 0 tells no power" in found.bill.warnings[0]

    def test_untold_current_satisfies_every_restriction(self) -> None:
        """There is nothing to calculate it from; the bill warns."""
        found = price_cdr(cdr(period("12:00", ENERGY=10), end="13:00", tariffs=[self.STRONG]))
        assert exactly(found)[0] == "5"
        assert "period 0 tells no current: every restriction on it is taken as kept" in found.bill.warnings

    @pytest.mark.parametrize(("ampere", "cost"), [(31, "3"), (32, "5")])
    def test_current_is_the_sum_over_the_phases(self, ampere: int, cost: str) -> None:
        """As OCPI tells it."""
        record = cdr(period("12:00", ENERGY=10, CURRENT=ampere), end="13:00", tariffs=[self.STRONG])
        assert exactly(price_cdr(record))[0] == cost

    def test_energy_and_duration_so_far_are_those_at_a_periods_start(self) -> None:
        """5 kWh free, then 5 at 0.30: the second period starts with 5 kWh, and half an hour."""
        for limit in ({"max_kwh": 5}, {"max_duration": 1800}):
            free = tariff("t", prices(("ENERGY", "0"), **limit), prices(("ENERGY", "0.3")))
            record = cdr(period("12:00", ENERGY=5), period("12:30", ENERGY=5), end="13:00", tariffs=[free])
            assert exactly(price_cdr(record))[0] == "1.5"


class TestTimeZones:
    EVENING = tariff(
        "t", prices(("ENERGY", "0.5"), start_time="18:00", end_time="22:00"), prices(("ENERGY", "0.3"))
    )

    def record(self, **place: str) -> Cdr:
        """10 kWh at 16:30 UTC."""
        return cdr(period("16:30", ENERGY=10), end="17:30", tariffs=[self.EVENING], cdr_location=place)

    def test_the_locations_zone_tells_when_evening_is(self) -> None:
        """18:30 in Berlin, 17:30 in London."""
        assert exactly(price_cdr(self.record(time_zone="Europe/Berlin")))[0] == "5"
        assert exactly(price_cdr(self.record(time_zone="Europe/London")))[0] == "3"

    def test_the_callers_zone_goes_before_the_locations(self) -> None:
        """He knows better."""
        assert exactly(price_cdr(self.record(time_zone="Europe/Berlin"), time_zone="Europe/London"))[0] == "3"

    def test_without_a_zone_a_tariff_with_hours_is_refused(self) -> None:
        """And one without hours is priced."""
        with pytest.raises(ScenarioError, match="the tariff asks for civil time"):
            price_cdr(self.record())
        plain = tariff("t", prices(("ENERGY", "0.5")))
        assert exactly(price_cdr(cdr(period("16:30", ENERGY=1), end="17:30", tariffs=[plain])))[0] == "0.5"

    @pytest.mark.parametrize("zone", ["Berlin", "/etc/localtime", "..", "Europe"])
    def test_what_is_no_zone_is_refused(self, zone: str) -> None:
        """From the document as from the caller."""
        with pytest.raises(ScenarioError, match="is no time zone; write one as Europe/Berlin"):
            price_cdr(self.record(time_zone=zone))


class TestOddPeriods:
    ONE = tariff("t", prices(("ENERGY", "0.5")))

    def test_periods_that_run_backwards_are_refused(self) -> None:
        """They are not sorted in silence."""
        with pytest.raises(ScenarioError, match="is before that of the period before it; sort them"):
            cdr(period("12:30", ENERGY=1), period("12:00", ENERGY=1), end="13:00", tariffs=[self.ONE])

    def test_a_period_after_the_end_is_refused(self) -> None:
        """Or the end is wrong."""
        with pytest.raises(ScenarioError, match="is after the CDR's end_date_time; correct one of them"):
            cdr(period("12:00", ENERGY=1), period("14:00", ENERGY=1), end="13:00", tariffs=[self.ONE])

    def test_an_end_before_the_start_is_refused(self) -> None:
        """Whatever the periods say."""
        with pytest.raises(ScenarioError, match="end_date_time: is before start_date_time; swap them"):
            cdr(period("12:00", ENERGY=1), end="11:00", tariffs=[self.ONE])

    def test_a_dimension_stands_once_in_a_period(self) -> None:
        """Two energies are not added up in silence."""
        twice = period("12:00", ENERGY=1)
        twice["dimensions"] *= 2
        with pytest.raises(ScenarioError, match="ENERGY stands twice in one period; add the two up"):
            cdr(twice, end="13:00", tariffs=[self.ONE])

    def test_times_longer_than_the_period_are_noted(self) -> None:
        """Two hours in one."""
        record = cdr(period("12:00", ENERGY=1, TIME=2), end="13:00", tariffs=[self.ONE])
        assert "charging_periods.0: its times come to more than the 1.0000 h that it lasts" in record.notes

    def test_a_connector_tells_the_kind_of_its_current(self) -> None:
        """AC_3_PHASE is AC; what is no power type tells nothing."""
        for told, kind in (("AC_3_PHASE", "AC"), ("DC", "DC"), ("", ""), (None, "")):
            place = {"connector_power_type": told}
            record = cdr(period("12:00", ENERGY=1), end="13:00", tariffs=[self.ONE], cdr_location=place)
            assert record.evse_kind == kind
