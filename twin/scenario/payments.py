"""The `payments` section: who pays how, what an operator decides about it, and what a simulated provider gets wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from twin.scenario.fields import Flag, Name, Number, Section, Share, Whole, exact_price, wrong

Weight = Annotated[Number, Field(ge=0, le=1_000_000)]
Seconds = Annotated[Number, Field(gt=0, le=86_400)]
Delay = Annotated[Number, Field(ge=0, le=86_400)]
Hours = Annotated[Number, Field(gt=0, le=8_760)]
Days = Annotated[Number, Field(gt=0, le=365)]
PerYear = Annotated[Number, Field(ge=0, le=100_000)]
Money = Annotated[Decimal, BeforeValidator(exact_price), Field(gt=0, le=1_000_000)]
"""Exact decimal in the currency of the tariffs."""
Fee = Annotated[Decimal, BeforeValidator(exact_price), Field(ge=0, le=1_000)]
Percent = Annotated[Decimal, BeforeValidator(exact_price), Field(ge=0, le=100)]


class Shares(Section):
    """Weights, any scale, of which at least one is not zero."""

    _of: ClassVar[str]
    """What has a weight, for the error."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any(getattr(self, key) for key in type(self).model_fields):
            raise wrong(f"every weight is zero; give one {self._of} a weight at least")
        return self


class DeclineCodes(Shares):
    """How declines divide over the provider's codes: weights, any scale. The first three are of the moment, the others of the card."""

    _of = "code"

    insufficient_funds: Weight = 20.0
    """Not enough money now."""
    do_not_honor: Weight = 10.0
    """The bank gives no reason."""
    processing_error: Weight = 2.0
    """Something went wrong at the bank."""
    expired_card: Weight = 5.0
    """Too old."""
    lost_card: Weight = 1.0
    """Reported lost."""
    fraudulent: Weight = 2.0
    """Suspected."""


class Provider(Section):
    """A simulated payment provider. Every rate is an assumption, there to be varied: no public source has real ones."""

    kind: Literal["simulated"] = "simulated"
    """How payments are made."""
    decline_pct: Share = 4.0
    """Authorisations that are declined."""
    decline_codes: DeclineCodes = DeclineCodes()
    """How declines divide over codes."""
    bill_decline_pct: Share = 1.0
    """Monthly bills that are declined besides, since the bank wants the driver to confirm and nobody is there."""
    increment_decline_pct: Share = 3.0
    """Requests to raise a hold that are declined."""
    confirm_pct: Share = 15.0
    """Cards in an app that the driver has to confirm (3-D Secure)."""
    confirmed_pct: Share = 90.0
    """Drivers who do."""
    confirm_s: Seconds = 25.0
    """Median time that it takes them; the longest hundredth takes four times as long."""
    latency_s: Delay = 0.6
    """Median time of an answer; 0: at once."""
    latency_p99_s: Delay = 3.0
    """99th percentile of it; not below the median."""
    timeout_s: Seconds = 30.0
    """After that, nobody waits for an answer any more."""
    request_lost_pct: Share = 0.05
    """Requests that never arrive."""
    answer_lost_pct: Share = 0.05
    """Answers that are lost after it was done."""
    server_error_pct: Share = 0.03
    """Requests that end in a server error."""
    server_error_done_pct: Share = 50.0
    """Of those: it was done all the same."""
    outages_per_year: PerYear = 4.0
    """How often nothing answers at all."""
    outage_min: Annotated[Number, Field(gt=0, le=100_000)] = 30.0
    """Mean length of an outage in minutes."""
    bursts_per_year: PerYear = 24.0
    """How often requests are refused as too many (429)."""
    burst_s: Seconds = 120.0
    """Mean length of such a time."""
    burst_refused_pct: Share = 80.0
    """Requests that are refused in it."""
    notice_s: Delay = 2.0
    """Median delay of a notice (a webhook); 0: at once."""
    notice_lost_pct: Share = 0.1
    """Notices that never come."""
    notice_late_pct: Share = 0.5
    """Notices that come hours late."""
    notice_late_h: Hours = 4.0
    """Mean delay of those."""
    notice_doubled_pct: Share = 2.0
    """Notices that come twice."""
    notice_reordered_pct: Share = 2.0
    """Notices that later ones overtake."""
    hold_short_pct: Share = 0.0
    """Holds that the card's bank ends early."""
    hold_short_h: Hours = 2.0
    """How long those last."""
    dispute_pct: Share = 0.05
    """Captured payments that drivers take back through their bank."""
    dispute_days: Days = 30.0
    """Mean days until they do."""
    dispute_won_pct: Share = 30.0
    """Disputes that the operator wins."""
    dispute_decided_days: Days = 60.0
    """Mean days until that is decided."""
    refund_failed_pct: Share = 1.0
    """Refunds that come back."""
    refund_failed_days: Days = 5.0
    """Days until they do."""
    card_removed_pct: Share = 1.0
    """Monthly bills whose saved card was taken away before."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.latency_p99_s < self.latency_s:
            raise wrong(
                f"latency_p99_s {self.latency_p99_s:g} is below the median latency_s {self.latency_s:g}"
            )
        return self


class CardFee(Section):
    """What a provider keeps of one payment."""

    pct: Percent
    """Percent of the amount, in hundredths at least."""
    fixed: Fee
    """Amount per payment."""


class ProviderFees(Section):
    """The provider's price list, by how a card was read; assumptions of the size that providers publish."""

    terminal: CardFee = CardFee(pct=Decimal("1.4"), fixed=Decimal("0.10"))
    """Card at the station's reader."""
    app: CardFee = CardFee(pct=Decimal("1.5"), fixed=Decimal("0.25"))
    """Card in an app."""
    wallet: CardFee = CardFee(pct=Decimal("1.5"), fixed=Decimal("0.25"))
    """Wallet on a phone."""
    account: CardFee = CardFee(pct=Decimal("1.5"), fixed=Decimal("0.25"))
    """Saved card, charged for a bill."""
    dispute: Fee = Decimal(20)
    """Amount per dispute, whoever wins it."""


class Hold(Section):
    """What is blocked on a card before energy flows, and what happens when it is used up or grows old."""

    rule: Literal["fixed", "tariff", "incremental"] = "fixed"
    """`fixed`: the amount; `tariff`: what filling the battery may cost at most; `incremental`: the amount, raised as cost nears it."""
    amount: Money = Decimal(60)
    """How much is held, and by how much it is raised."""
    stay_h: Hours = 12.0
    """Longest stay of drivers who say nothing, for the rule `tariff`."""
    at_limit: Literal["stop", "overrun"] = "stop"
    """When the cost reaches the hold: stop the session, or go on."""
    rest: Literal["write-off", "charge"] = "write-off"
    """What no hold covers: given up, or charged to a saved card."""
    at_expiry: Literal["renew", "stop"] = "renew"
    """A session that outlives its hold: capture and hold anew, or stop."""
    renew_before_h: Hours = 6.0
    """How long before a hold expires."""
    watch_s: Seconds = 60.0
    """Least interval at which the running cost is looked at."""


class Offline(Section):
    """Who may charge at a station that cannot ask. Stations over OCPP wait until they can."""

    cards: Literal["deny", "hope"] = "deny"
    """`hope`: they charge, and the card is asked once the station is back."""
    accounts_known: Annotated[Whole, Field(ge=0, le=10_000_000)] = 1_000
    """Accounts that stations know: those that charged last; 0: none."""


class Accounts(Section):
    """Drivers who pay by bill."""

    bills: Literal["monthly", "per-session"] = "monthly"
    """When their saved card is charged."""
    retry_days: Annotated[tuple[Days, ...], Field(max_length=20)] = (3.0, 7.0, 14.0)
    """After a declined bill: days until each further attempt; then it is given up."""
    block_unpaid: Flag = True
    """Whether they may not charge any more then."""
    bill_at_end: Flag = True
    """Whether the month in which the run ends is billed at its end; else it stays open."""


class Weights(Shares):
    """How the drivers of a group pay: weights, any scale."""

    _of = "way to pay"

    account: Weight = 0.0
    """RFID or contract, billed by the month."""
    terminal: Weight = 0.0
    """Card at the station's reader."""
    app: Weight = 0.0
    """Card in an app, or behind a QR code."""
    wallet: Weight = 0.0
    """Wallet on a phone."""


class Payments(Section):
    """How drivers pay. Without this section everybody is let in at once, and bills are written but not collected."""

    means: dict[Name, Weights] = Field(default_factory=dict)
    """By group of drivers; absent ones: accounts, and of passers-by 60 % terminal, 30 % app, 10 % wallet (assumptions)."""
    second_card_pct: Share = 30.0
    """Drivers who try another card when theirs is refused: an assumption."""
    retry_s: Seconds = 20.0
    """How long that takes them: an assumption."""
    leave_after_s: Seconds = 120.0
    """How long after the last refusal a driver leaves: an assumption."""
    hold: Hold = Hold()
    """What is blocked on cards."""
    patience_s: Seconds = 30.0
    """How long a driver waits for the provider before `outage` or `silence` decides."""
    confirm_patience_s: Seconds = 300.0
    """How long a driver may take to confirm (3-D Secure)."""
    outage: Literal["deny", "free-vend"] = "deny"
    """While the provider fails: nobody with a card, or everybody, may charge."""
    silence: Literal["deny", "allow"] = "deny"
    """When it does not answer in time."""
    offline: Offline = Offline()
    """While a station cannot ask."""
    accounts: Accounts = Accounts()
    """Drivers who pay by bill."""
    capture_every_h: Annotated[Number, Field(ge=0, le=168)] = 0.0
    """Captures are gathered, and made at multiples of this; 0: each at the end of its session."""
    platform_share_pct: Percent = Decimal(0)
    """The platform's share of what sessions cost without tax; the rest is the operator's."""
    tax_owed_to: Name = "home"
    """To whom tax is owed, as in the ledger: a country, for example `DE`."""
    settle_h: Hours = 1.0
    """How long behind the end of the run answers of the provider are waited for; then what is open stays open."""
    provider: Provider = Provider()
    """Who makes payments."""
    fees: ProviderFees = ProviderFees()
    """What the provider keeps."""
