"""From the `payments` section to the parts that take money in a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import simpy

from twin.domain.ids import SiteId
from twin.domain.money import to_minor
from twin.domain.payments import Instrument, Means
from twin.domain.specs import DriverSpec
from twin.engine.money import Money, SelfStarting
from twin.engine.money_parts import MoneyClock, WatchedBooks
from twin.engine.tariffs import SiteTariff
from twin.money.billing.model import Tariff
from twin.money.cashier import policy as p
from twin.money.payments.bank_wallets import Wallets
from twin.money.payments.faults import OFF_SESSION_DECLINE, Faults
from twin.money.payments.fees import Fees, Price
from twin.money.payments.simulated import SimulatedProvider
from twin.rng import stream
from twin.scenario import payments as section
from twin.scenario.model import Scenario
from twin.scenario.prices import at_site
from twin.scenario.tariffs import FREE

PROVIDER = "simulated"
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_HOUR_S = 3_600.0
_ALWAYS = section.Weights(account=1.0)
_PASSERS_BY = section.Weights(terminal=60.0, app=30.0, wallet=10.0)


def taking(
    scenario: Scenario,
    said: section.Payments,
    tariffs: dict[SiteId, SiteTariff],
    drivers: Sequence[DriverSpec],
    env: simpy.Environment,
    alone: SelfStarting | None,
) -> Money:
    """Make what takes money in a run.

    Args:
        scenario: As loaded.
        said: Its section.
        tariffs: Of the sites that charge money; of one currency.
        drivers: As visits number them.
        env: Whose time passes.
        alone: Stations that may let drivers charge while they cannot ask.
    """
    currency = next((tariff.tariff.currency for tariff in tariffs.values()), "EUR")
    free = at_site(scenario, Tariff(id=FREE, currency=currency, elements=()))
    clock = MoneyClock(env, (scenario.start - _UNIX) // _US * 1_000)
    provider = SimulatedProvider(
        clock, seed=scenario.seed, faults=faults(said.provider), fees=fees(said.fees)
    )
    return Money(
        policy=policy(said, currency),
        clock=clock,
        payments=provider,
        books=WatchedBooks(),
        tariffs={site: tariffs.get(site, free) for site in scenario.sites},
        cards=[_cards(scenario, said, driver, provider.bank.wallets) for driver in drivers],
        authority=said.tax_owed_to,
        provider=PROVIDER,
        retry_s=said.retry_s,
        leave_s=said.leave_after_s,
        months=tuple(_months(scenario)),
        last_month=_label(scenario.end - _US, scenario) if said.accounts.bill_at_end else "",
        settle_s=said.settle_h * _HOUR_S,
        alone=alone,
        facts={"provider": PROVIDER, **said.model_dump(mode="json")},
    )


def notes(scenario: Scenario, said: section.Payments) -> Iterator[str]:
    """Sentences that a reader of the results must know."""
    provider = said.provider
    yield (
        "payments are simulated; every rate of the provider is an assumption: "
        f"{provider.decline_pct:g} % of authorisations declined, answers within {provider.latency_s:g} s in the median, "
        f"{provider.outages_per_year:g} outages a year"
    )
    yield (
        f"{said.second_card_pct:g} % of drivers have another card, tried {said.retry_s:g} s after a refusal; who is "
        f"refused leaves after {said.leave_after_s:g} s: assumptions"
    )
    if scenario.run.mode == "virtual":
        yield "stations over OCPP know no list of accounts: who comes while one is offline waits until it is back"


def policy(said: section.Payments, currency: str) -> p.Policy:
    """Return what the operator decides."""
    hold = said.hold
    return p.Policy(
        hold=p.HoldPolicy(hold.rule),
        hold_minor=to_minor(hold.amount, currency),
        hold_least_minor=to_minor(Decimal(1), currency),
        stay_h=hold.stay_h,
        at_hold=p.AtHold(hold.at_limit),
        rest=p.Rest(hold.rest),
        patience_s=said.patience_s,
        action_patience_s=said.confirm_patience_s,
        outage=p.Outage(said.outage),
        silence=p.Silence(said.silence),
        offline_cards=p.OfflineCards(said.offline.cards),
        whitelist_size=said.offline.accounts_known,
        accounts=p.AccountBills(said.accounts.bills),
        retry_days=said.accounts.retry_days,
        block_unpaid=said.accounts.block_unpaid,
        capture_every_h=said.capture_every_h,
        at_expiry=p.AtExpiry(hold.at_expiry),
        reauthorise_before_s=hold.renew_before_h * _HOUR_S,
        watch_period_s=hold.watch_s,
        platform_pct=said.platform_share_pct,
    )


def faults(said: section.Provider) -> Faults:
    """Return what goes wrong with the provider."""
    weights = {key: getattr(said.decline_codes, key) for key in type(said.decline_codes).model_fields}
    whole = sum(weights.values())
    # Each code has a draw of its own: these are the shares of which one strikes at least with `decline_pct`.
    passed = 1.0 - said.decline_pct / 100
    declines = {code: 1.0 - passed ** (weight / whole) for code, weight in weights.items() if weight}
    return Faults(
        declines={**declines, OFF_SESSION_DECLINE: said.bill_decline_pct / 100},
        increment_declined=said.increment_decline_pct / 100,
        action=said.confirm_pct / 100,
        action_completed=said.confirmed_pct / 100,
        action_s=said.confirm_s,
        latency_s=said.latency_s,
        latency_p99_s=said.latency_p99_s,
        timeout_s=said.timeout_s,
        request_lost=said.request_lost_pct / 100,
        answer_lost=said.answer_lost_pct / 100,
        server_error=said.server_error_pct / 100,
        server_error_done=said.server_error_done_pct / 100,
        outages_per_year=said.outages_per_year,
        outage_s=said.outage_min * 60,
        bursts_per_year=said.bursts_per_year,
        burst_s=said.burst_s,
        burst_refused=said.burst_refused_pct / 100,
        notice_s=said.notice_s,
        notice_lost=said.notice_lost_pct / 100,
        notice_late=said.notice_late_pct / 100,
        notice_late_s=said.notice_late_h * _HOUR_S,
        notice_doubled=said.notice_doubled_pct / 100,
        notice_reordered=said.notice_reordered_pct / 100,
        hold_short=said.hold_short_pct / 100,
        hold_short_s=said.hold_short_h * _HOUR_S,
        dispute=said.dispute_pct / 100,
        dispute_days=said.dispute_days,
        dispute_won=said.dispute_won_pct / 100,
        dispute_decided_days=said.dispute_decided_days,
        refund_failed=said.refund_failed_pct / 100,
        refund_failed_days=said.refund_failed_days,
        card_removed=said.card_removed_pct / 100,
    )


def fees(said: section.ProviderFees) -> Fees:
    """Return the provider's price list."""
    prices = {means: getattr(said, means.value) for means in Means}
    return Fees(
        {means: Price(round(fee.pct * 100), fee.fixed) for means, fee in prices.items()}, said.dispute
    )


def _cards(
    scenario: Scenario, said: section.Payments, driver: DriverSpec, wallets: Wallets
) -> tuple[Instrument, ...]:
    """Draw what a driver may pay with."""
    usual = _PASSERS_BY if driver.archetype == "public" else _ALWAYS
    weights = said.means.get(driver.group, usual)
    draw, more = stream(scenario.seed, "driver", driver.id, "cards").random(2).tolist()
    total = sum(getattr(weights, means.value) for means in Means)
    first = Means.ACCOUNT
    for means in Means:
        share = getattr(weights, means.value) / total
        if share and draw < share:
            first = means
            break
        draw -= share
        first = means if share else first
    second = Means.TERMINAL if first is Means.ACCOUNT else first
    chosen = (first, second) if 100 * more < said.second_card_pct else (first,)
    return tuple(
        Instrument(means, f"card-{driver.id}-{k}", _saved(wallets, driver) if means is Means.APP else "")
        for k, means in enumerate(chosen, start=1)
    )


def _saved(wallets: Wallets, driver: DriverSpec) -> str:
    """Save the card of a driver's app at the provider, long ago; accounts are enrolled when they first charge."""
    customer = wallets.create_customer(0.0, metadata={"driver": driver.id}).id
    method = wallets.create_method(0.0)
    setup = wallets.create_setup(0.0, customer=customer, method=method.id, confirm=True)
    if setup.status == "requires_action":  # whoever saves a card confirms it
        wallets.authenticate_setup(setup.id, 0.0, success=True)
    return customer


def _months(scenario: Scenario) -> Iterator[tuple[float, str]]:
    """When civil months end within the run, and which."""
    civil = scenario.start.astimezone(scenario.zone)
    year, month = civil.year, civil.month
    while True:
        label = f"{year}-{month:02}"
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        at = datetime(year, month, 1, tzinfo=scenario.zone)
        if at >= scenario.end:
            return
        yield (at - scenario.start).total_seconds(), label


def _label(instant: datetime, scenario: Scenario) -> str:
    return f"{instant.astimezone(scenario.zone):%Y-%m}"
