"""Customers, cards, cards that are saved, and cards that are taken away."""

from __future__ import annotations

import pytest

from twin.money.payments.bank import Bank
from twin.money.payments.bank_errors import BankError
from twin.money.payments.bank_records import IntentStatus
from twin.money.payments.bank_test_cards import TEST_CARDS, TEST_METHODS


def saved(bank: Bank, card: str = "pm_card_visa") -> tuple[str, str]:
    """Return the names of a customer and the card that it saved."""
    customer = bank.wallets.create_customer(0.0)
    method = bank.wallets.create_method(0.0, card=card)
    bank.wallets.create_setup(0.0, customer=customer.id, method=method.id, confirm=True)
    return customer.id, method.id


def charge(bank: Bank, method: str, customer: str = "", *, off_session: bool = True) -> IntentStatus:
    """Take 50 EUR, and return what became of it."""
    return bank.intents.create(
        1.0,
        amount_minor=5_000,
        currency="EUR",
        method=method,
        customer=customer,
        off_session=off_session,
        automatic=True,
        confirm=True,
    ).status


class TestSaved:
    def test_a_saved_card_can_be_charged_again_and_again(self) -> None:
        """Three bills."""
        bank = Bank()
        customer, method = saved(bank)
        assert [charge(bank, method, customer) for _ in range(3)] == [IntentStatus.SUCCEEDED] * 3

    def test_a_card_that_nobody_saved_is_good_for_one_payment(self) -> None:
        """As the provider has it: used without a customer, it may not be used again, nor saved."""
        bank = Bank()
        method = bank.wallets.create_method(0.0, card="pm_card_visa").id
        charge(bank, method)
        with pytest.raises(BankError, match="may not be used again"):
            charge(bank, method)
        with pytest.raises(BankError, match="may not be used again"):
            bank.wallets.attach(method, bank.wallets.create_customer(2.0).id, 2.0)

    def test_somebody_elses_card_is_refused(self) -> None:
        """Without the customer's name, and under another customer."""
        bank = Bank()
        _, method = saved(bank)
        stranger = bank.wallets.create_customer(0.0).id
        with pytest.raises(BankError, match="name it"):
            charge(bank, method, stranger)
        with pytest.raises(BankError, match="another customer"):
            bank.wallets.attach(method, stranger, 1.0)

    def test_a_card_that_was_taken_away_is_gone_for_good(self) -> None:
        """It pays nothing, and cannot be saved again."""
        bank = Bank()
        customer, method = saved(bank)
        bank.wallets.detach(method, 1.0)
        assert bank.wallets.methods_of(customer) == []
        assert bank.state.customers[customer].default_method == ""
        with pytest.raises(BankError) as raised:
            charge(bank, method, customer)
        assert raised.value.port_code == "not_found"
        with pytest.raises(BankError):
            bank.wallets.attach(method, customer, 2.0)
        with pytest.raises(BankError, match="attached to no customer"):
            bank.wallets.detach(method, 2.0)

    def test_the_first_card_is_the_default(self) -> None:
        """A second one does not push it aside."""
        bank = Bank()
        customer, method = saved(bank)
        bank.wallets.attach(bank.wallets.create_method(0.0, card="pm_card_mastercard").id, customer, 1.0)
        assert bank.state.customers[customer].default_method == method


class TestSetup:
    def test_a_challenge_that_went_well_lets_the_merchant_charge_alone(self) -> None:
        """The card of 3155 asks once, the one of 3184 always."""
        bank = Bank()
        outcomes = []
        for number in ("4000002500003155", "4000002760003184"):
            customer, method = saved(bank, number)
            setup = next(s for s in bank.state.setups.values() if s.method == method)
            assert setup.status == "requires_action"
            bank.wallets.authenticate_setup(setup.id, 1.0, success=True)
            try:
                outcomes.append(str(charge(bank, method, customer)))
            except BankError as error:
                outcomes.append(error.port_code)
        assert outcomes == ["succeeded", "authentication_required"]

    def test_a_challenge_that_fails_saves_nothing(self) -> None:
        """It may be tried again with another card."""
        bank = Bank()
        customer, method = saved(bank, "4000002500003155")
        (setup,) = bank.state.setups.values()
        bank.wallets.authenticate_setup(setup.id, 1.0, success=False)
        assert setup.status == "requires_payment_method"
        assert bank.wallets.methods_of(customer) == []
        other = bank.wallets.create_method(2.0, card="pm_card_visa").id
        assert bank.wallets.confirm_setup(setup.id, 2.0, method=other).status == "succeeded"
        assert [m.id for m in bank.wallets.methods_of(customer)] == [other] != [method]

    def test_a_setup_ends_once(self) -> None:
        """What succeeded can be neither confirmed nor cancelled; what was cancelled neither."""
        bank = Bank()
        saved(bank)
        (done,) = bank.state.setups
        with pytest.raises(BankError):
            bank.wallets.confirm_setup(done, 1.0)
        with pytest.raises(BankError, match="too late"):
            bank.wallets.cancel_setup(done, 1.0)
        empty = bank.wallets.create_setup(1.0)
        with pytest.raises(BankError, match="no payment method"):
            bank.wallets.confirm_setup(empty.id, 1.0)
        assert bank.wallets.cancel_setup(empty.id, 1.0).status == "canceled"
        with pytest.raises(BankError, match="waits for nobody"):
            bank.wallets.authenticate_setup(empty.id, 1.0, success=True)


class TestCards:
    def test_every_named_card_has_a_number(self) -> None:
        """And each number passes the check digit (Luhn), so forms take it."""
        assert set(TEST_METHODS.values()) <= set(TEST_CARDS)
        for number in TEST_CARDS:
            digits = [int(d) for d in reversed(number)]
            total = sum(digits[::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])
            assert total % 10 == 0, number

    def test_a_number_that_is_no_test_card_is_refused(self) -> None:
        """No other card exists here."""
        with pytest.raises(BankError) as raised:
            Bank().wallets.create_method(0.0, card="4111111111111111")
        assert (raised.value.wire_code, raised.value.status) == ("incorrect_number", 402)

    def test_a_card_may_bring_a_dispute_as_soon_as_it_pays(self) -> None:
        """As the provider's test card 0259."""
        bank = Bank()
        charge(bank, bank.wallets.create_method(0.0, card="pm_card_createDispute").id)
        (dispute,) = bank.state.disputes.values()
        assert (dispute.amount_minor, dispute.reason) == (5_000, "fraudulent")

    def test_a_card_may_let_every_refund_come_back(self) -> None:
        """As the provider's test card 5126."""
        bank = Bank()
        charge(bank, bank.wallets.create_method(0.0, card="pm_card_refundFail").id)
        (intent,) = bank.state.intents
        assert bank.claims.refund(intent, 2.0).status == "failed"
        assert bank.state.intents[intent].refundable_minor == 5_000

    @pytest.mark.parametrize(
        ("records", "call"),
        [
            ("payment_intent", lambda bank: bank.intents.fetch("pi_x", 0.0)),
            ("customer", lambda bank: bank.wallets.methods_of("cus_x")),
            ("PaymentMethod", lambda bank: bank.wallets.detach("pm_x", 0.0)),
            ("setupintent", lambda bank: bank.wallets.confirm_setup("seti_x", 0.0)),
            ("refund", lambda bank: bank.claims.fail_refund("re_x", 0.0)),
            ("dispute", lambda bank: bank.claims.close_dispute("dp_x", 0.0, won=True)),
        ],
    )
    def test_what_does_not_exist_is_a_404_that_names_it(self, records: str, call: object) -> None:
        """For every kind of record."""
        with pytest.raises(BankError, match=f"No such {records}: '.*_x'") as raised:
            call(Bank())
        assert (raised.value.status, raised.value.wire_code) == (404, "resource_missing")
