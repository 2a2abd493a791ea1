"""The engine against a naive pricer that walks through every second."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings

from tests.money.billing.reference import reference_price
from tests.money.billing.strategies import cases
from twin.money.billing.model import Measured, Tariff
from twin.money.billing.pricing import Pricer


def agree(told: Decimal, exact: Fraction) -> bool:
    """Alike to the 18 decimals of a bill, and the same where these suffice."""
    if (exact * 10**18).denominator == 1:
        return Fraction(told) == exact
    return abs(Fraction(told) - exact) <= Fraction(1, 10**18)


class TestReference:
    @settings(max_examples=150, deadline=None)
    @given(cases())
    def test_both_agree_to_the_last_decimal(self, case: tuple[Tariff, Measured, str]) -> None:
        """Random tariffs with every restriction, sessions around midnights and both changes of the clock."""
        tariff, session, zone = case
        bill = Pricer(tariff, zone).price(session)
        excl, incl = reference_price(tariff, session, zone)
        assert agree(bill.excl, excl)
        assert agree(bill.incl, incl)
