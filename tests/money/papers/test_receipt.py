"""The receipt: lines whose sum a reader can check."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from twin.money.billing.model import Bill, Dimension, Line, Tax, TaxSum
from twin.money.papers.evidence import verify
from twin.money.papers.ocmf import Meter, SignedReading, Signer
from twin.money.papers.receipt import Party, Payment, Receipt, exact, receipt_page, receipt_text, sums
from twin.money.papers.transparency import SignedValue

VAT = (Tax("VAT", Decimal(19)),)
EIGHT_MS = 1_780_300_800_000  # 2026-06-01T08:00:00Z, ten o'clock in Berlin
HOUR_MS = 3_600_000


def line(dimension: Dimension, start_h: float, end_h: float, volume: str, price: str) -> Line:
    excl = Decimal(volume) * Decimal(price)
    return Line(
        dimension, 0, None, EIGHT_MS + int(start_h * HOUR_MS), EIGHT_MS + int(end_h * HOUR_MS), Decimal(volume),
        Decimal(volume), Decimal(price), VAT, excl, excl * Decimal("1.19"),
    )  # fmt: skip


LINES = (
    line(Dimension.ENERGY, 0, 1, "10", "0.40"),
    line(Dimension.ENERGY, 1, 2, "5", "0.30"),
    line(Dimension.PARKING_TIME, 2, 2.5, "0.5", "6.00"),
)
BILL = Bill(
    tariff="day-night", currency="EUR", lines=LINES, excl=Decimal("8.50"), incl=Decimal("10.115"),
    taxes=(TaxSum("VAT", Decimal(19), Decimal("1.615")),),
)  # fmt: skip
SIGNER = Signer(7, "CP1/1", Meter(serial="M-1"), EIGHT_MS * 1_000_000)
RECORD = SIGNER.record((SignedReading(0.0, "B", 1_000), SignedReading(9_000.0, "E", 16_000)), "d-17")
KEY = SIGNER.public_key_der.hex()


@pytest.fixture
def receipt() -> Receipt:
    """10 kWh by day, 5 kWh by night, half an hour of parking; prices without tax."""
    return Receipt(
        number="2026-000017", issued=datetime(2026, 6, 1, 10, 31, tzinfo=UTC), operator=Party("stadtwerk", "Am Markt 1", "DE 123"),
        session="CP1/1#4", evse="CP1/1", place="street", driver="d-17", means="card at the terminal",
        start=datetime(2026, 6, 1, 8, tzinfo=UTC), end=datetime(2026, 6, 1, 10, 30, tzinfo=UTC), begin_wh=1_000, end_wh=16_000,
        bill=BILL, tax_included=False, time_zone="Europe/Berlin",
        payments=(Payment("Held on your card", 5_000), Payment("Charged", 1_012), Payment("Released", 3_988)),
        evidence=(SignedValue(RECORD, KEY),),
    )  # fmt: skip


def test_the_lines_sum_to_the_total_before_tax(receipt):
    """4.00 + 1.50 + 3.00 = 8.50, plus 1.615 of tax is 10.115, rounded once to 10.12."""
    assert [(one.what, one.amount) for one in sums(receipt)] == [
        ("Sum of the lines", "8.50"),
        ("plus VAT 19 %", "1.615"),
        ("Before rounding", "10.115"),
        ("Total", "10.12 EUR"),
        ("of which tax", "1.62"),
    ]


def test_a_reader_of_the_text_can_check_every_line(receipt):
    """Each line says quantity × price and the amount they make; their sum is the sum below."""
    text = receipt_text(receipt)
    lines = re.findall(r"^  ([\d.]+) \S+ × ([\d.]+) EUR/\S+ +([\d.]+) EUR$", text, re.MULTILINE)
    assert len(lines) == 3
    for quantity, price, amount in lines:
        assert Decimal(quantity) * Decimal(price) == Decimal(amount)
    assert sum(Decimal(amount) for *_, amount in lines) == Decimal("8.50")
    assert re.search(r"^Sum of the lines +8\.50 EUR$", text, re.MULTILINE)


def test_times_are_those_of_the_place(receipt):
    """Ten o'clock in Berlin, not eight in Greenwich."""
    text = receipt_text(receipt)
    assert "Energy, 01.06. 10:00:00 – 11:00:00" in text
    assert "From:      01.06.2026 10:00:00 (CEST)" in text


def test_prices_with_tax_show_the_tax_within(receipt):
    """Lines then add up to the total itself."""
    within = replace(receipt, tax_included=True)
    assert [one.what for one in sums(within)] == [
        "Sum of the lines",
        "Before rounding",
        "Total",
        "of which VAT 19 %",
    ]
    assert sums(within)[0].amount == "10.115"


def test_a_bound_of_the_tariff_is_told(receipt):
    """The driver pays what the tariff asks at least."""
    bound = replace(receipt, bill=replace(BILL, incl=Decimal("11.90"), excl=Decimal(10), bound="min"))
    assert ("The tariff asks at least", "11.90") in [(one.what, one.amount) for one in sums(bound)]
    assert "Total" in receipt_text(bound)


def test_the_signed_data_on_the_receipt_verify_and_a_changed_byte_does_not(receipt):
    """What is printed is what was signed."""
    text = receipt_text(receipt)
    record = next(one for one in text.splitlines() if one.startswith("OCMF|"))
    key = re.search(r"Public key: (\w+)", text).group(1)
    assert verify(record, key).signed
    assert not verify(record.replace('"RV":16.0', '"RV":17.0'), key).signed


def test_the_page_needs_nothing_else_and_escapes_what_people_wrote(receipt):
    """One file; a name is never markup."""
    page = receipt_page(replace(receipt, operator=Party("<b>A & B</b>")))
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in page
    assert "http" not in page.replace("<!doctype html>", "")
    assert "10.12 EUR" in page
    assert "Held on your card" in page


def test_a_receipt_that_replaces_another_says_so(receipt):
    """The office corrects by a new receipt, never in place."""
    assert "Corrects:  2026-000011" in receipt_text(replace(receipt, corrects="2026-000011"))


@pytest.mark.parametrize(
    ("amount", "digits", "shown"),
    [("7.5", 2, "7.50"), ("2.34567", 2, "2.34567"), ("1234", 0, "1,234"), ("0.3333333333", 2, "0.333333"), ("-1.5", 3, "−1.500")],
)  # fmt: skip
def test_unrounded_amounts_keep_their_decimals(amount, digits, shown):
    """At least the currency's, at most six."""
    assert exact(Decimal(amount), digits) == shown
