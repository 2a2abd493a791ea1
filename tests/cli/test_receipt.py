"""`twin receipt` and `twin statement`: what a driver is given adds up, was paid, and can be checked by a stranger."""

from __future__ import annotations

import csv
import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

import twin
from twin.money.papers.evidence import verify
from twin.studies.receipts import Receipts

PAID = """\
description: Two drivers, a price by day and by night, an idle fee, VAT.
start: 2026-03-02T00:00:00+01:00
days: 2
time_zone: Europe/Berlin
seed: 3
tariffs:
  street:
    price_per_kwh: 0.49
    time_of_use: [{{from: "09:00", until: "12:00", price_per_kwh: 0.39}}]
    price_per_hour_parking: 6.00
    parking_grace_min: 30
    price_per_session: 0.35
    vat_pct: 19
    tax: {tax}
sites: {{square: {{operator: stadtwerk, tariff: street, stations: {{list: {{gate: {{evses: 2, max_a: 16}}}}}}}}}}
drivers: {{recorded: {{archetype: replay, file: sessions.csv}}}}
payments:
  means: {{recorded: {{{means}: 1}}}}
  hold: {{rule: fixed, amount: 40}}
  provider:
    decline_pct: 0
    bill_decline_pct: 0
    confirm_pct: 0
    outages_per_year: 0
    bursts_per_year: 0
    card_removed_pct: 0
    dispute_pct: 0
"""
SESSIONS = """\
session,site,evse,driver,arrival,departure,energy_kwh,vehicle
1,square,gate/1,anna,2026-03-02T08:50:00+01:00,2026-03-02T12:00:00+01:00,4,vw-id3-pro
2,square,gate/2,bert,2026-03-02T09:00:00+01:00,2026-03-02T10:00:00+01:00,2,vw-id3-pro
3,square,gate/1,anna,2026-03-02T18:00:00+01:00,2026-03-02T20:00:00+01:00,5,vw-id3-pro
"""
SESSION = "gate/1#1"
ANNA, BERT = (f"recorded/{name}/square/vw-id3-pro" for name in ("anna", "bert"))
AMOUNT = re.compile(r" × .* (?P<amount>[\d.,−]+) EUR$")
WARY = pytest.mark.parametrize("tax", ["included", "excluded"])


@pytest.fixture
def ran(cli, place):
    """Run the scenario; returns the run's folder."""

    def run(tax="included", means="terminal", settings=()):
        Path("paid.yaml").write_text(PAID.format(tax=tax, means=means))
        Path("sessions.csv").write_text(SESSIONS)
        chosen = [word for setting in settings for word in ("--set", setting)]
        done = cli("run", "paid.yaml", "--out", "paid", "--no-report", *chosen)
        assert done.code == 0, done.err
        return Path("paid")

    return run


def told(text, name):
    """The amount behind the name of a sum or payment."""
    (line,) = (line for line in text.splitlines() if re.match(rf"{name}\s", line))
    return Decimal(line.removesuffix(" EUR").split()[-1])


class TestTheReceipt:
    @WARY
    def test_its_lines_add_up_to_what_was_paid(self, cli, ran, tax):
        """Read from the text as a driver would: lines to the sum, the sum with VAT to the total, the total was captured."""
        folder = ran(tax)
        text = cli("receipt", folder, SESSION).out
        lines = [Decimal(m["amount"]) for line in text.splitlines() if (m := AMOUNT.search(line))]
        assert len(lines) >= 4  # the fee, two prices of energy, the idle fee
        summed, total = told(text, "Sum of the lines"), told(text, "Total")
        assert abs(sum(lines) - summed) <= Decimal("0.000001") * len(lines)
        vat = Decimal(0) if tax == "included" else told(text, "plus VAT 19 %")
        if tax == "excluded":
            assert abs(vat - summed * Decimal("0.19")) <= Decimal("0.000001")
        assert (summed + vat).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) == total
        assert told(text, "Charged") == total
        assert told(text, "Held on your card") - told(text, "Released") == total

    def test_each_line_is_its_quantity_times_its_price(self, cli, ran):
        """To the sixth decimal, which the quantity is told to."""
        text = cli("receipt", ran(), SESSION).out
        worked = re.findall(r"^  ([\d.]+)(?: \S+)? × ([\d.]+) EUR\S*\s+([\d.]+) EUR$", text, re.MULTILINE)
        assert len(worked) >= 4
        for quantity, price, amount in worked:
            assert abs(Decimal(quantity) * Decimal(price) - Decimal(amount)) <= Decimal("0.00001")

    @WARY
    def test_every_bill_is_the_one_in_the_books(self, ran, tax):
        """Total and tax, to the cent; numbers have no gap."""
        papers = Receipts(twin.open_run(ran(tax)))
        made = {session: papers.receipt(session) for session in papers.bills}
        assert {s: (r.bill.amount_minor, r.bill.tax_minor) for s, r in made.items()} == {
            s: (bills[-1].amount_minor, bills[-1].tax_minor) for s, bills in papers.bills.items()
        }
        assert sorted(r.number for r in made.values()) == [f"stadtwerk-{n:06}" for n in (1, 2, 3)]

    def test_the_registers_go_on_from_session_to_session(self, ran):
        """What the meter table says of the EVSE's last tick is where its last session ends."""
        run = twin.open_run(ran())
        first, second = (Receipts(run).receipt(session) for session in (SESSION, "gate/1#2"))
        meter = run.meter.to_pandas()
        assert (first.begin_wh, first.end_wh) == (0, second.begin_wh)
        assert second.end_wh == meter.loc[meter["evse"] == "gate/1", "register_wh"].max()

    def test_one_on_account_says_that_the_monthly_bill_paid_it(self, cli, ran):
        """Nothing was held; the month was charged at the end of the run."""
        text = cli("receipt", ran(means="account"), SESSION).out
        assert told(text, "Charged with the monthly bill") == told(text, "Total")
        assert "Held" not in text


class TestTheSignedMeterData:
    def test_they_verify_and_a_changed_byte_does_not(self, ran):
        """By pyocmf, which is none of ours: the end reading is raised by one, then each of some other bytes is changed."""
        (value,) = Receipts(twin.open_run(ran())).receipt(SESSION).evidence
        found = verify(value.text, value.public_key)
        assert found.signed
        assert found.kept
        assert "0.39 EUR/kWh" in value.text
        end = str(found.records[0].readings[1].value)
        raised = value.text.replace(end, str(Decimal(end) + Decimal("0.001")))
        assert raised != value.text
        assert not verify(raised, value.public_key).signed
        assert not verify(value.text.replace("anna", "anne"), value.public_key).signed

    def test_the_file_for_the_transparency_software_is_accepted(self, cli, ran):
        """Signature and rules: exit code 0."""
        assert cli("receipt", ran(), SESSION, "--out", "signed.xml").code == 0
        done = cli("verify", "signed.xml")
        assert done.code == 0
        assert "signature: valid" in done.out
        assert "kept" in done.out

    def test_the_same_run_signs_the_same_bytes(self, cli, ran):
        """The key follows from the seed."""
        folder = ran()
        texts = {cli("receipt", folder, SESSION).out for _ in range(2)}
        assert len(texts) == 1


class TestTheCommand:
    def test_without_a_session_it_lists_those_with_a_receipt(self, cli, ran):
        """Name, number, amount."""
        listed = cli("receipt", ran()).out.splitlines()
        assert len(listed) == 3
        assert sorted(line.split()[0] for line in listed) == ["gate/1#1", "gate/1#2", "gate/2#1"]

    def test_all_of_them_are_written_at_once(self, cli, ran):
        """A page for each, which needs nothing but itself."""
        assert cli("receipt", ran(), "--all", "--out", "pages").code == 0
        pages = sorted(Path("pages").iterdir())
        assert [page.name for page in pages] == [f"stadtwerk-{n:06}.html" for n in (1, 2, 3)]
        assert not re.search(r'(src|href)="http', pages[0].read_text())

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("gate/1#7",), "there is no session `gate/1#7`, did you mean `gate/1#"),
            ((SESSION, "--out", "receipt.pdf"), "is .html, .txt or .xml"),
            (("--all",), "needs a folder"),
        ],
        ids=["no session", "no kind", "no folder"],
    )
    def test_what_it_cannot_do_is_one_sentence(self, cli, ran, arguments, said):
        """Exit code 2."""
        done = cli("receipt", ran(), *arguments)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert said in done.err

    def test_a_run_in_which_nobody_was_charged_has_none(self, cli, hello):
        """It says what to do."""
        cli("run", hello, "--out", "free", "--no-report")
        done = cli("receipt", "free")
        assert done.code == 2
        assert "add a `payments` section" in done.err


class TestTheStatement:
    def test_it_lists_who_was_billed(self, cli, ran):
        """In the order of their first bill."""
        assert set(cli("statement", ran()).out.split()) == {ANNA, BERT}

    def test_its_sum_is_that_of_the_receipts(self, cli, ran):
        """Two sessions of Anna's; all is paid."""
        folder = ran()
        done = cli("statement", folder, ANNA, "--month", "2026-03", "--csv", "march.csv")
        assert done.code == 0
        totals = [told(cli("receipt", folder, session).out, "Total") for session in (SESSION, "gate/1#2")]
        assert told(done.out, "Charged") == told(done.out, "Paid") == sum(totals)
        assert told(done.out, "Open") == 0
        with Path("march.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [Decimal(row["amount"]) for row in rows] == totals

    def test_what_was_given_up_is_not_owed(self, cli, ran):
        """Each hold covers 1 EUR: that is paid, the rest is an item of its own, and nothing stays open."""
        folder = ran(settings=("payments.hold.amount=1", "payments.hold.at_limit=overrun"))
        text = cli("statement", folder, ANNA).out
        assert text.count("given up: overrun") == 2
        assert (told(text, "Charged"), told(text, "Paid"), told(text, "Open")) == (2, 2, 0)
        receipt = cli("receipt", folder, SESSION).out
        assert told(receipt, r"Not charged \(overrun\)") == told(receipt, "Total") - 1

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((ANNA[:-1],), f"did you mean `{ANNA}`?"),
            ((ANNA, "--month", "2026-04"), "there are 2026-03"),
            ((ANNA, "--month", "March"), "write it as 2026-03"),
        ],
        ids=["no driver", "no bill", "no month"],
    )
    def test_what_it_cannot_do_is_one_sentence(self, cli, ran, arguments, said):
        """Exit code 2."""
        done = cli("statement", ran(), *arguments)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert said in done.err
