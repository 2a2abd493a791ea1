"""Drivers who pay: whole runs of a few cars at one or two chargers, as timelines that one can check by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from tests.engine.test_lockstep_run import assert_same
from twin.engine.run import run
from twin.results.audit import audit_tables
from twin.results.read import Run
from twin.scenario.loader import load

SITE = """\
start: 2026-03-02T00:00:00+01:00
days: 1
time_zone: Europe/Berlin
period_s: 300
tariffs: {{street: {tariff}}}
sites:
  square: {{operator: stadtwerk, stations: {{list: {{one: {{max_a: 16}}, two: {{max_a: 16}}}}}}}}
drivers: {{cars: {{archetype: replay, file: sessions.csv, format: twin}}}}
payments:
  means: {{cars: {{{means}: 1}}}}
  second_card_pct: 0
  {more}
  provider: {{{provider}}}
strategy: {strategy}
"""
FAULTLESS = {
    "decline_pct": 0, "bill_decline_pct": 0, "increment_decline_pct": 0, "confirm_pct": 0, "latency_s": 0, "latency_p99_s": 0,
    "request_lost_pct": 0, "answer_lost_pct": 0, "server_error_pct": 0, "outages_per_year": 0, "bursts_per_year": 0,
    "notice_s": 0, "notice_lost_pct": 0, "notice_late_pct": 0, "notice_doubled_pct": 0, "notice_reordered_pct": 0,
    "dispute_pct": 0, "refund_failed_pct": 0, "card_removed_pct": 0,
}  # fmt: skip
HEAD = "session,site,evse,driver,arrival,departure,energy_kwh,vehicle\n"
CAR = "1,square,one/1,anna,2026-03-02T08:00:00+01:00,2026-03-02T12:00:00+01:00,11,vw-id3-pro\n"
"""11 kWh at 11.04 kW from 8 o'clock; there until noon."""
NEXT = "2,square,one/1,bert,2026-03-02T13:00:00+01:00,2026-03-02T16:00:00+01:00,11,vw-id3-pro\n"
EIGHT_S = 8 * 3600.0
Pay = Callable[..., Run]


@pytest.fixture
def pay(tmp_path: Path) -> Pay:
    """Run cars that pay, at a provider that does everything right but what is said."""

    def go(
        *cars: str,
        means: str = "terminal",
        tariff: str = "{price_per_kwh: 0.50}",
        more: str = "",
        out: str = "run",
        strategy: str = "uncontrolled",
        settings: tuple[str, ...] = (),
        **provider: object,
    ) -> Run:
        said = ", ".join(f"{key}: {value}" for key, value in (FAULTLESS | provider).items())
        text = SITE.format(
            tariff=tariff, means=means, provider=said, more=more or "patience_s: 30", strategy=strategy
        )
        (tmp_path / "pay.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "sessions.csv").write_text(HEAD + "".join(cars or (CAR,)), encoding="utf-8")
        done = run(load(tmp_path / "pay.yaml", settings=settings), out=tmp_path / out, force=True)
        audit_tables(done)
        return done

    return go  # fmt: skip


def column(run: Run, table: str, name: str) -> list[object]:
    return pd.DataFrame(run.table(table).to_pandas())[name].tolist()


class TestCards:
    def test_what_was_charged_is_captured_of_the_hold(self, pay: Pay) -> None:
        """11 kWh at 0.50 are 5.50 EUR of the 60 EUR held from 8 to 12: 54.50 EUR were held in vain for 4 hours."""
        done = pay()
        assert column(done, "payments", "status") == ["captured"]
        assert column(done, "payments", "authorised_minor") == [6000]
        assert column(done, "payments", "captured_minor") == column(done, "sessions", "cost_minor") == [550]
        assert column(done, "payments", "unused_minor_hours") == [pytest.approx(5450 * 4, rel=1e-3)]
        assert len(done.leakage) == 0
        assert done.summary["captured"] == 5.5
        assert done.summary["unpaid_kwh"] == 0.0

    def test_the_operator_the_platform_and_the_state_share_a_bill(self, pay: Pay) -> None:
        """5.50 EUR with 10 % tax are 5.00 and 0.50; a fifth of the 5.00 is the platform's."""
        done = pay(
            tariff="{price_per_kwh: 0.50, vat_pct: 10}", more="platform_share_pct: 20\n  tax_owed_to: DE"
        )
        ledger = pd.DataFrame(done.ledger.to_pandas())
        assert (ledger.groupby("entry")["amount_minor"].sum() == 0).all()
        by_account = ledger.groupby("account")["amount_minor"].sum().to_dict()
        assert by_account["revenue:stadtwerk"] == -400
        assert by_account["revenue:platform"] == -100
        assert by_account["tax:DE"] == -50
        assert by_account["driver:cars/anna/square/vw-id3-pro"] == 0

    def test_energy_flows_when_the_provider_has_answered(self, pay: Pay) -> None:
        """An answer takes ten seconds: the session begins ten seconds after the plug-in, the car is done as much later."""
        at_once, later = pay(out="a"), pay(out="b", latency_s=10, latency_p99_s=10)
        late_s = column(later, "sessions", "finished_s")[0] - column(at_once, "sessions", "finished_s")[0]
        assert late_s == pytest.approx(10.0, abs=0.01)
        assert column(later, "settlements", "latency_s") == [pytest.approx(10.0)]
        assert column(later, "sessions", "cost_minor") == [550]

    def test_who_is_refused_leaves_and_the_next_car_is_served(self, pay: Pay) -> None:
        """Every card is declined: the driver unplugs two minutes later, and no energy flowed."""
        done = pay(CAR, decline_pct=100)
        assert column(done, "sessions", "outcome") == ["refused"]
        assert column(done, "sessions", "unplugged_s") == [EIGHT_S + 120.0]
        assert column(done, "sessions", "delivered_wh") == [0.0]
        assert column(done, "payments", "status") == ["refused"]
        assert done.summary["refused"] == 1
        assert "card declined" in str(column(done, "events", "detail")[0])

    def test_who_has_another_card_tries_it(self, pay: Pay) -> None:
        """Refused at 8:00:00 and 8:00:20, gone at 8:02:20."""
        done = pay(CAR, decline_pct=100, settings=("payments.second_card_pct=100",))
        assert column(done, "settlements", "asked_s") == [EIGHT_S, EIGHT_S + 20.0]
        assert column(done, "sessions", "unplugged_s") == [EIGHT_S + 140.0]

    def test_nobody_waits_longer_than_patience_lasts(self, pay: Pay) -> None:
        """The provider is silent for a minute; after 30 s the policy decides, and a late hold is released."""
        slow = {"latency_s": 60, "latency_p99_s": 60, "timeout_s": 100}
        denied = pay(out="a", **slow)
        assert column(denied, "sessions", "outcome") == ["refused"]
        assert column(denied, "settlements", "grounds") == ["silence"]
        assert column(denied, "payments", "status") == ["cancelled"]
        allowed = pay(out="b", more="silence: allow", **slow)
        assert column(allowed, "sessions", "cost_minor") == [550]
        assert column(allowed, "payments", "captured_minor") == [550]

    def test_who_leaves_before_the_answer_pays_nothing(self, pay: Pay) -> None:
        """A stop of ten seconds, an answer after twenty: the hold is released."""
        brief = CAR.replace("12:00:00", "08:00:10").replace(",11,", ",0.02,")
        done = pay(brief, NEXT, latency_s=20, latency_p99_s=20)
        assert column(done, "sessions", "outcome") == ["unauthorised", "served"]
        assert sorted(column(done, "payments", "status")) == ["cancelled", "captured"]


class TestHolds:
    def test_a_session_is_stopped_before_it_costs_more_than_its_hold(self, pay: Pay) -> None:
        """2 EUR held at 0.50 per kWh: at most 4 kWh, and not much less."""
        done = pay(more="hold: {amount: 2, watch_s: 5}")
        assert column(done, "sessions", "outcome") == ["served"]
        assert 180 <= column(done, "sessions", "cost_minor")[0] <= 200
        assert column(done, "payments", "captured_minor") == column(done, "sessions", "cost_minor")
        assert column(done, "events", "kind") == ["stopped"]
        assert column(done, "events", "detail") == ["hold reached"]
        assert column(done, "sessions", "unplugged_s") == [12 * 3600.0]

    def test_what_overruns_the_hold_is_written_off(self, pay: Pay) -> None:
        """5.50 EUR, 2 held: 3.50 EUR and 7 of 11 kWh are not paid for."""
        done = pay(more="hold: {amount: 2, at_limit: overrun}")
        assert column(done, "leakage", "reason") == ["overrun"]
        assert column(done, "leakage", "amount_minor") == [350]
        assert column(done, "leakage", "energy_wh") == [7000]
        assert column(done, "settlements", "paid_wh") == [4000]


class TestAccounts:
    def test_an_account_is_billed_for_the_month_at_the_end(self, pay: Pay) -> None:
        """Two sessions of one driver: one payment of 11 EUR."""
        done = pay(CAR, NEXT.replace("bert", "anna"), means="account")
        assert column(done, "payments", "kind")[-1] == "bill"
        assert column(done, "payments", "captured_minor")[-1] == 1100
        assert len(done.leakage) == 0

    def test_a_month_that_is_not_billed_stays_open(self, pay: Pay) -> None:
        """The run ends first: 5.50 EUR are owed."""
        done = pay(means="account", settings=("payments.accounts.bill_at_end=false",))
        assert column(done, "leakage", "reason") == ["open"]
        assert column(done, "leakage", "amount_minor") == [550]

    def test_a_month_is_billed_when_it_ends(self, pay: Pay) -> None:
        """The last of February: the bill is written at midnight, a day before the run ends."""
        settings = ("start=2026-02-28T00:00:00+01:00", "days=2", "payments.accounts.bill_at_end=false")
        done = pay(CAR.replace("2026-03-02", "2026-02-28"), means="account", settings=settings)
        assert column(done, "payments", "captured_minor")[-1] == 550
        assert column(done, "payments", "asked_s")[-1] == 86_400.0


class TestOfflineStations:
    FAULT = (
        "faults=[{kind: offline, evses: [one/1], from: '2026-03-02T12:30:00+01:00', until: '2026-03-02T18:00:00+01:00'}]"
    )  # fmt: skip

    def test_a_known_account_charges_and_is_billed_when_the_station_is_back(self, pay: Pay) -> None:
        """Anna charged in the morning; in the afternoon the station knows her, and tells at 18:00 that she has left at 16:00."""
        done = pay(CAR, NEXT.replace("bert", "anna"), means="account", settings=(self.FAULT,))
        assert column(done, "sessions", "outcome") == ["served", "served"]
        assert column(done, "sessions", "cost_minor") == [550, 550]
        assert column(done, "payments", "captured_minor")[-1] == 1100

    def test_an_unknown_account_charges_nothing(self, pay: Pay) -> None:
        """Bert never charged here."""
        done = pay(CAR, NEXT, means="account", settings=(self.FAULT,))
        assert column(done, "sessions", "outcome") == ["served", "unauthorised"]

    def test_a_card_may_be_hoped_for(self, pay: Pay) -> None:
        """It is asked when the station is back; where it is declined then, the energy was free."""
        more = "offline: {cards: hope}"
        paid = pay(NEXT, more=more, out="a", settings=(self.FAULT,))
        assert column(paid, "settlements", "captured_minor")[-1] == 550
        lost = pay(NEXT, more=more, out="b", settings=(self.FAULT,), decline_pct=100)
        assert column(lost, "sessions", "cost_minor") == [550]
        assert sum(column(lost, "leakage", "amount_minor")) == 550
        assert set(column(lost, "leakage", "reason")) <= {"declined", "offline"}


class TestRepeating:
    CARS = (
        CAR, NEXT,
        "3,square,two/1,cleo,2026-03-02T07:10:20+01:00,2026-03-02T15:00:00+01:00,30,nissan-leaf-40\n",
        "4,square,two/1,dora,2026-03-02T16:00:00+01:00,2026-03-02T23:00:00+01:00,20,mg4-64\n",
    )  # fmt: skip
    WORSE: ClassVar = {
        "decline_pct": 20,
        "latency_s": 2,
        "latency_p99_s": 20,
        "answer_lost_pct": 20,
        "notice_doubled_pct": 30,
    }
    TARIFF = "{price_per_kwh: 0.5, price_per_hour_parking: 3, parking_grace_min: 30, price_per_session: 0.35, vat_pct: 19}"

    def test_same_seed_same_tables(self, pay: Pay) -> None:
        """Payments and ledger too, byte for byte."""
        runs = [
            pay(*self.CARS, means="app", tariff=self.TARIFF, out=f"run-{k}", **self.WORSE) for k in range(2)
        ]
        files = [
            {p.relative_to(r.path): p.read_bytes() for p in sorted(r.path.rglob("*.parquet"))} for r in runs
        ]
        assert files[0]
        assert files[0] == files[1]

    @pytest.mark.parametrize("seed", range(8))
    def test_money_adds_up_whatever_the_provider_does(self, pay: Pay, seed: int) -> None:
        """Bills = captured + leaked, and the run's own audit finds nothing."""
        done = pay(*self.CARS, means="app", tariff=self.TARIFF, settings=(f"seed={seed}",), **self.WORSE)
        settled = pd.DataFrame(done.settlements.to_pandas())
        leaked = sum(column(done, "leakage", "amount_minor"))
        assert settled["billed_minor"].sum() == settled["captured_minor"].sum() + leaked
        assert settled["metered_wh"].sum() == settled["paid_wh"].sum() + sum(
            column(done, "leakage", "energy_wh")
        )
        ledger = pd.DataFrame(done.ledger.to_pandas())
        assert (ledger.groupby("entry")["amount_minor"].sum() == 0).all()
        assert done.manifest["audit"]["money"]["ledger_entries"] == ledger["entry"].max()

    def test_over_sockets_a_car_parks_from_when_its_station_says_so(self, pay: Pay) -> None:
        """At the next reading of its meter: five minutes later at most."""
        tariff = "{price_per_kwh: 0.5, price_per_hour_parking: 12}"
        begins_s = []
        for out, settings in (("a", ()), ("b", ("run.mode=virtual",))):
            lines = pd.DataFrame(pay(CAR, tariff=tariff, out=out, settings=settings).invoices.to_pandas())
            begins_s.append(lines[lines["dimension"] == "parking time"]["start_s"].min())
        assert 0.0 <= begins_s[1] - begins_s[0] <= 300.0

    @pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
    def test_over_sockets_the_same_is_paid(self, pay: Pay, version: str) -> None:
        """Lock step does not wait for the provider; decisions come while simulated time passes."""
        settings = ("run.mode=virtual", f"run.virtual.version={version}")
        tariff = "{price_per_kwh: 0.5, price_per_session: 0.35, vat_pct: 19}"
        simulated = pay(*self.CARS, means="app", tariff=tariff, out="a", **self.WORSE)
        virtual = pay(*self.CARS, means="app", tariff=tariff, out="b", settings=settings, **self.WORSE)
        assert_same(simulated, virtual)
        for table in ("payments", "settlements", "leakage"):
            left, right = (pd.DataFrame(r.table(table).to_pandas()) for r in (simulated, virtual))
            pd.testing.assert_frame_equal(left, right, atol=1e-2, rtol=1e-6)
