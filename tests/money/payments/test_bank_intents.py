"""Payment intents of the bank: the table, windows, over-capture, events, names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from twin.domain.payments import Means, Status
from twin.money.payments.bank import Bank
from twin.money.payments.bank_errors import BankError
from twin.money.payments.bank_records import INTENT, BankEvent, Intent, IntentStatus, Verb
from twin.money.payments.bank_terms import MINIMUM_MINOR, Terms, check_amount
from twin.money.payments.fees import Fees, Price

HOUR_S, DAY_S = 3_600.0, 86_400.0


def hold(
    bank: Bank, t_s: float = 0.0, *, card: str = "pm_card_visa", present: bool = False, **how: object
) -> Intent:
    """Hold 50 EUR, unless told otherwise."""
    method = bank.wallets.create_method(t_s, card=card, present=present)
    asked = {"amount_minor": 5_000, "currency": "EUR", "method": method.id, "confirm": True}
    return bank.intents.create(t_s, **(asked | how))


def events(bank: Bank) -> list[str]:
    """Return the kinds of the bank's events, growing."""
    kinds: list[str] = []
    bank.state.listen(lambda event: kinds.append(event.kind))
    return kinds


def _in_status(bank: Bank, status: IntentStatus) -> Intent:
    if status is IntentStatus.UNCONFIRMED:
        return hold(bank, confirm=False)
    if status is IntentStatus.ACTION:
        return hold(bank, card="pm_card_authenticationRequired")
    if status is IntentStatus.NO_METHOD:
        with pytest.raises(BankError):
            hold(bank, card="pm_card_visa_chargeDeclined")
        return next(iter(bank.state.intents.values()))
    intent = hold(bank)
    if status is IntentStatus.SUCCEEDED:
        bank.intents.capture(intent.id, 1.0)
    elif status is IntentStatus.CANCELED:
        bank.intents.cancel(intent.id, 1.0)
    return intent


VERBS: dict[Verb, Callable[[Bank, Intent], object]] = {
    Verb.CONFIRM: lambda bank, intent: bank.intents.confirm(
        intent.id, 2.0, method=bank.wallets.create_method(2.0, card="pm_card_visa").id
    ),
    Verb.AUTHENTICATE: lambda bank, intent: bank.intents.authenticate(intent.id, 2.0, success=True),
    Verb.INCREMENT: lambda bank, intent: bank.intents.increment(intent.id, 6_000, 2.0),
    Verb.CAPTURE: lambda bank, intent: bank.intents.capture(intent.id, 2.0),
    Verb.CANCEL: lambda bank, intent: bank.intents.cancel(intent.id, 2.0),
    Verb.EXPIRE: lambda bank, _intent: bank.intents.advance(8 * DAY_S),
    Verb.REFUND: lambda bank, intent: bank.claims.refund(intent.id, 2.0),
    Verb.DISPUTE: lambda bank, intent: bank.claims.open_dispute(intent.id, 2.0),
}


@pytest.mark.parametrize("verb", Verb, ids=lambda verb: verb.name)
@pytest.mark.parametrize("status", IntentStatus, ids=lambda status: status.name)
def test_an_intent_lives_by_the_table(status: IntentStatus, verb: Verb) -> None:
    """All 48 pairs: what the table has leads where it says, what it has not is refused and changes nothing."""
    bank = Bank()
    intent = _in_status(bank, status)
    assert intent.status is status
    intent.incremental = status is IntentStatus.HELD
    if (status, verb) in INTENT:
        VERBS[verb](bank, intent)
        assert intent.status in INTENT[status, verb]
        return
    before = bank.snapshot(intent, "p")
    if verb is Verb.EXPIRE:
        VERBS[verb](bank, intent)
    else:
        with pytest.raises(BankError, match=f"because it has a status of {status}") as raised:
            VERBS[verb](bank, intent)
        assert raised.value.port_code == "wrong_state"
    assert (intent.status, bank.snapshot(intent, "p")) == (status, before)


@pytest.mark.parametrize(
    ("card", "present", "off_session", "window_s"),
    [
        ("pm_card_visa", False, False, 7 * DAY_S),
        ("pm_card_visa", False, True, 4 * DAY_S + 18 * HOUR_S),
        ("pm_card_mastercard", False, True, 7 * DAY_S),
        ("pm_card_amex", False, False, 7 * DAY_S),
        ("pm_card_visa", True, False, 5 * DAY_S),
        ("pm_card_mastercard", True, False, 2 * DAY_S),
    ],
)
def test_a_hold_lasts_as_long_as_brand_and_reading_say(
    card: str, present: bool, off_session: bool, window_s: float
) -> None:
    """At the last instant it can be captured, from its end on it cannot."""
    bank = Bank()
    early = hold(bank, 100.0, card=card, present=present, off_session=off_session)
    late = hold(bank, 100.0, card=card, present=present, off_session=off_session)
    assert early.capture_before_s == 100.0 + window_s
    bank.intents.capture(early.id, 100.0 + window_s - 0.001)
    with pytest.raises(BankError):
        bank.intents.capture(late.id, 100.0 + window_s)
    assert (late.status, late.canceled_s) == (IntentStatus.CANCELED, 100.0 + window_s)
    assert bank.snapshot(late, "p").status is Status.EXPIRED


class TestOvercapture:
    TERMS = Terms(overcapture_pct={"visa": 15})

    def test_fifteen_percent_more_where_it_was_granted(self) -> None:
        """57.50 of 50.00 EUR, not a cent more."""
        bank = Bank(terms=self.TERMS)
        intent = hold(bank, overcapture=True)
        with pytest.raises(BankError, match="5751 is more than the 5750"):
            bank.intents.capture(intent.id, 1.0, amount_minor=5_751)
        assert bank.intents.capture(intent.id, 1.0, amount_minor=5_750).captured_minor == 5_750

    @pytest.mark.parametrize(
        ("card", "present", "asked"),
        [("pm_card_visa", False, False), ("pm_card_mastercard", False, True), ("pm_card_visa", True, True)],
        ids=["not asked", "brand without", "in person"],
    )
    def test_nothing_more_where_it_was_not(self, card: str, present: bool, asked: bool) -> None:
        """Not asked for, not in the contract, or read at a terminal: the hold is the limit."""
        intent = hold(Bank(terms=self.TERMS), card=card, present=present, overcapture=asked)
        assert intent.capture_limit_minor == 5_000

    def test_a_raised_hold_raises_the_limit_with_it(self) -> None:
        """115 % of 80 EUR: 92 EUR."""
        bank = Bank(terms=self.TERMS)
        intent = hold(bank, overcapture=True, increments=True)
        assert bank.intents.increment(intent.id, 8_000, 1.0).capture_limit_minor == 9_200


class TestIncrements:
    def test_ten_times_and_no_more(self) -> None:
        """The eleventh is refused by the contract's number."""
        bank = Bank()
        intent = hold(bank, increments=True)
        for k in range(10):
            bank.intents.increment(intent.id, 5_100 + 100 * k, 1.0)
        with pytest.raises(BankError, match="too often"):
            bank.intents.increment(intent.id, 9_000, 1.0)
        assert intent.amount_minor == 6_000

    def test_without_the_contract_nothing_can_be_raised(self) -> None:
        """No interchange-plus pricing: no brand grants it."""
        intent = hold(Bank(terms=Terms(incremental_brands=frozenset())), increments=True)
        assert not intent.incremental

    def test_an_issuer_may_decline_and_the_hold_stays(self) -> None:
        """The card is declined from now on: 50 EUR stay held."""
        bank = Bank()
        intent = hold(bank, increments=True)
        assert intent.card is not None
        intent.card.behaviour = intent.card.behaviour._replace(decline="insufficient_funds")
        with pytest.raises(BankError) as raised:
            bank.intents.increment(intent.id, 6_000, 1.0)
        assert (raised.value.status, raised.value.port_code) == (402, "insufficient_funds")
        assert (intent.status, intent.amount_minor) == (IntentStatus.HELD, 5_000)


class TestAmounts:
    def test_every_currency_takes_its_minimum_and_one_less_not(self) -> None:
        """By the table, decimals of 0, 2 and 3 alike."""
        for currency, least in MINIMUM_MINOR.items():
            assert check_amount(least, currency) is None, currency
            assert check_amount(least - 1, currency) is not None, currency

    def test_nine_digits_are_too_many(self) -> None:
        """999,999.99 is the most."""
        assert check_amount(99_999_999, "EUR") is None
        wrong = check_amount(100_000_000, "EUR")
        assert wrong is not None
        assert wrong.port_code == "amount_too_large"

    def test_a_platform_cannot_keep_more_than_was_taken(self) -> None:
        """Nor less than nothing."""
        bank = Bank()
        intent = hold(bank)
        for share in (-1, 2_001):
            with pytest.raises(BankError, match="application fee"):
                bank.intents.capture(intent.id, 1.0, amount_minor=2_000, application_fee_minor=share)
        assert intent.status is IntentStatus.HELD


class TestEvents:
    def test_every_step_tells_what_happened_in_order(self) -> None:
        """Hold, raise, capture, refund."""
        bank = Bank()
        told = events(bank)
        intent = hold(bank, increments=True)
        bank.intents.increment(intent.id, 6_000, 1.0)
        bank.intents.capture(intent.id, 2.0, amount_minor=2_000)
        bank.claims.refund(intent.id, 3.0, amount_minor=500)
        assert told == [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "payment_intent.amount_capturable_updated",
            "payment_intent.succeeded",
            "charge.captured",
            "refund.created",
            "charge.refunded",
        ]

    def test_a_decline_and_an_expiry_tell_as_well(self) -> None:
        """And a challenge that fails is no charge."""
        bank = Bank()
        told = events(bank)
        with pytest.raises(BankError):
            hold(bank, card="pm_card_visa_chargeDeclined")
        hold(bank)
        bank.intents.advance(7 * DAY_S)
        asked = hold(bank, 7 * DAY_S, card="pm_card_authenticationRequired")
        bank.intents.authenticate(asked.id, 7 * DAY_S, success=False)
        assert told == [
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.amount_capturable_updated",
            "payment_intent.canceled",
            "charge.expired",
            "payment_intent.created",
            "payment_intent.requires_action",
            "payment_intent.payment_failed",
        ]

    def test_only_kinds_that_are_wanted_are_made(self) -> None:
        """As a webhook endpoint chooses its events."""
        bank = Bank(kinds={"payment_intent.succeeded"})
        told: list[BankEvent] = []
        bank.state.listen(told.append)
        intent = hold(bank)
        bank.intents.capture(intent.id, 5.0)
        assert [(event.kind, event.created_s) for event in told] == [("payment_intent.succeeded", 5.0)]
        assert told[0].intent is intent


class TestNames:
    def test_two_banks_of_one_seed_name_alike_and_of_two_seeds_differ(self) -> None:
        """Ids come from a counter and the seed, never from chance."""
        first, again, other = (hold(Bank(seed=seed)).id for seed in (1, 1, 2))
        assert first == again != other

    def test_a_second_try_is_a_second_charge(self) -> None:
        """The intent stays, its charge gets another id."""
        bank = Bank()
        with pytest.raises(BankError):
            hold(bank, card="pm_card_visa_chargeDeclined")
        (intent,) = bank.state.intents.values()
        first = intent.charge
        bank.intents.confirm(intent.id, 1.0, method=bank.wallets.create_method(1.0, card="pm_card_visa").id)
        assert first.startswith("ch_")
        assert intent.charge not in {"", first}
        assert bank.snapshot(intent, "p").status is Status.HELD

    def test_a_bank_forgets_what_it_is_told_to(self) -> None:
        """An intent with its refunds and disputes; an old hold that expired in between does no harm."""
        bank = Bank()
        intent = hold(bank)
        bank.intents.capture(intent.id, 1.0)
        bank.claims.refund(intent.id, 2.0, amount_minor=100)
        bank.claims.open_dispute(intent.id, 3.0)
        bank.forget(intent)
        bank.intents.advance(100 * DAY_S)
        assert [bank.state.intents, bank.state.refunds, bank.state.disputes] == [{}, {}, {}]


class TestFees:
    def test_a_fee_is_rounded_half_up_and_never_above_the_amount(self) -> None:
        """1.5 % of 23.45 is 0.35175: 0.35, and 0.25: 0.60. Of 0.10 everything is kept."""
        price = Fees().prices[Means.APP]
        assert price.fee_minor(2_345, "EUR") == 60
        assert price.fee_minor(10, "EUR") == 10
        assert Price(50, price.fixed).fee_minor(100, "EUR") == 26  # 0.5 cents up, and 25

    def test_the_fixed_part_is_in_the_currencys_main_unit(self) -> None:
        """0.25 is 25 cents, 250 thousandths of a dinar, and no yen."""
        price = Price(0, Fees().prices[Means.APP].fixed)
        assert [price.fee_minor(10_000, currency) for currency in ("EUR", "KWD", "JPY")] == [25, 250, 0]

    def test_every_wrong_price_is_named(self) -> None:
        """All at once."""
        with pytest.raises(
            ValueError, match=r"terminal: -1 bp.*app: no price.*wallet: no price.*account: no price"
        ):
            Fees(prices={Means.TERMINAL: Price(-1, Fees().dispute)})

    def test_every_wrong_term_is_named(self) -> None:
        """All at once."""
        with pytest.raises(ValueError, match=r"over-capture of visa: -5 %.*increments: -1"):
            Terms(overcapture_pct={"visa": -5}, increments_max=-1)
