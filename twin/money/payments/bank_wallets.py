"""Drivers and operators at the provider: customers, their cards, cards saved for later, connected accounts."""

from __future__ import annotations

from collections.abc import Mapping

from twin.money.payments.bank_errors import BankError, declined
from twin.money.payments.bank_issuer import ACTION, Issuer
from twin.money.payments.bank_records import Behaviour, ConnectedAccount, Customer, Method, Setup
from twin.money.payments.bank_state import State, find
from twin.money.payments.bank_test_cards import find_card


class Wallets:
    """Customers, payment methods, SetupIntents and connected accounts.

    Args:
        state: The bank's records.
        issuer: Decides about cards.
    """

    def __init__(self, state: State, issuer: Issuer) -> None:
        self._state = state
        self._issuer = issuer

    def create_customer(
        self, t_s: float, *, metadata: Mapping[str, str] | None = None, email: str = "", name: str = ""
    ) -> Customer:
        """Add a driver."""
        customer = Customer(self._state.name("cus"), t_s, metadata or {}, email, name)
        self._state.customers[customer.id] = customer
        self._state.tell("customer.created", t_s, customer)
        return customer

    def create_account(
        self, t_s: float, *, name: str = "", metadata: Mapping[str, str] | None = None
    ) -> ConnectedAccount:
        """Add an operator's account; `name` chooses its id (`acct_…`)."""
        account = ConnectedAccount(name or self._state.name("acct"), t_s, metadata or {})
        self._state.accounts[account.id] = account
        return account

    def create_method(
        self,
        t_s: float,
        *,
        card: str = "",
        brand: str = "visa",
        last4: str = "4242",
        wallet: str = "",
        present: bool = False,
        behaviour: Behaviour | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Method:
        """Add a payment method.

        Args:
            t_s: Now.
            card: A test card's number or `pm_card_…` name: gives brand, digits, wallet and behaviour.
            brand: Without `card`.
            last4: Without `card`.
            wallet: `apple_pay`, `google_pay`, or none.
            present: Read at a terminal.
            behaviour: What its issuer does, instead of the test card's.
            metadata: Kept.

        Raises:
            BankError: There is no such test card.
        """
        known = find_card(card) if card else None
        if card and known is None:
            text = "Your card number is incorrect."
            raise BankError(
                "incorrect_number", text, status=402, kind="card_error", param="number", ran=False
            )
        if known is not None:
            brand, last4 = known.brand, known.last4
        what = known.behaviour if known is not None and behaviour is None else (behaviour or Behaviour())
        method = Method(
            self._state.name("pm"),
            t_s,
            brand,
            last4,
            wallet,
            present,
            behaviour=what,
            metadata=metadata or {},
        )
        self._state.methods[method.id] = method
        return method

    def attach(self, method: str, customer: str, t_s: float) -> Method:
        """Give a method to a customer: it may be charged again and again from now on.

        Raises:
            BankError: One of them is unknown, the card belongs to another, was used up, or its issuer declines.
        """
        found = self._usable(method)
        owner = find(self._state.customers, customer, "customer")
        if found.customer and found.customer != customer:
            raise BankError("payment_method_unexpected_state", f"{method} belongs to another customer.")
        if found.behaviour.attach_decline:
            raise declined(found.behaviour.attach_decline, None)
        if found.customer == customer:
            return found
        found.customer = customer
        owner.default_method = owner.default_method or found.id
        self._state.tell("payment_method.attached", t_s, found)
        return found

    def detach(self, method: str, t_s: float) -> Method:
        """Take a card away from its customer: it can never be charged again.

        Raises:
            BankError: It is unknown, or belongs to nobody.
        """
        found = find(self._state.methods, method, "PaymentMethod")
        if not found.customer:
            text = f"The payment method {method} is attached to no customer, so detachment is impossible."
            raise BankError("payment_method_unexpected_state", text, param="payment_method")
        owner = self._state.customers.get(found.customer)
        if owner is not None and owner.default_method == found.id:
            owner.default_method = ""
        found.customer, found.detached = "", True
        self._state.tell("payment_method.detached", t_s, found)
        return found

    def methods_of(self, customer: str) -> list[Method]:
        """Return a customer's cards, oldest first.

        Raises:
            BankError: The customer is unknown.
        """
        find(self._state.customers, customer, "customer")
        return [method for method in self._state.methods.values() if method.customer == customer]

    def create_setup(
        self,
        t_s: float,
        *,
        customer: str = "",
        method: str = "",
        confirm: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> Setup:
        """Begin to save a card for later, and confirm at once where asked.

        Raises:
            BankError: Something is unknown, or the issuer declines (the setup is kept).
        """
        if customer:
            find(self._state.customers, customer, "customer")
        if method:
            self._usable(method)
        status = "requires_confirmation" if method else "requires_payment_method"
        setup = Setup(self._state.name("seti"), t_s, customer, method, status, metadata=metadata or {})
        self._state.setups[setup.id] = setup
        self._state.tell("setup_intent.created", t_s, setup)
        return self.confirm_setup(setup.id, t_s) if confirm else setup

    def confirm_setup(self, setup: str, t_s: float, *, method: str = "") -> Setup:
        """Ask the issuer whether a card may be saved.

        Raises:
            BankError: It declines, the setup is over, or there is no card.
        """
        found = find(self._state.setups, setup, "setupintent")
        if found.status not in {"requires_confirmation", "requires_payment_method"}:
            text = f"This SetupIntent cannot be confirmed: its status is {found.status}."
            raise BankError("setup_intent_unexpected_state", text)
        found.method = method or found.method
        if not found.method:
            raise BankError(
                "parameter_missing", "There is no payment method to save.", param="payment_method"
            )
        answer = self._issuer.save(self._usable(found.method))
        if answer == ACTION:
            found.status = "requires_action"
            self._state.tell("setup_intent.requires_action", t_s, found)
            return found
        return self._end_setup(found, answer, t_s)

    def authenticate_setup(self, setup: str, t_s: float, *, success: bool) -> Setup:
        """Say how 3-D Secure of a setup ended.

        Raises:
            BankError: It does not wait for that.
        """
        found = find(self._state.setups, setup, "setupintent")
        if found.status != "requires_action":
            raise BankError(
                "setup_intent_unexpected_state", f"{setup} waits for nobody: it is {found.status}."
            )
        if success:
            self._usable(found.method).confirmed = True
            return self._end_setup(found, "", t_s)
        found.status, found.decline = "requires_payment_method", "setup_intent_authentication_failure"
        self._state.tell("setup_intent.setup_failed", t_s, found)
        return found

    def cancel_setup(self, setup: str, t_s: float) -> Setup:
        """Give up saving a card.

        Raises:
            BankError: It is over.
        """
        found = find(self._state.setups, setup, "setupintent")
        if found.status in {"succeeded", "canceled"}:
            raise BankError(
                "setup_intent_unexpected_state", f"{setup} is {found.status}: too late to cancel."
            )
        found.status = "canceled"
        self._state.tell("setup_intent.canceled", t_s, found)
        return found

    def _end_setup(self, setup: Setup, decline: str, t_s: float) -> Setup:
        if decline:
            setup.status, setup.decline = "requires_payment_method", decline
            self._state.tell("setup_intent.setup_failed", t_s, setup)
            raise declined(decline, None)
        setup.status = "succeeded"
        if setup.customer:
            self.attach(setup.method, setup.customer, t_s)
        self._state.tell("setup_intent.succeeded", t_s, setup)
        return setup

    def _usable(self, method: str) -> Method:
        found = find(self._state.methods, method, "PaymentMethod")
        if found.detached or found.used_by:
            raise gone(found)
        return found


def gone(method: Method) -> BankError:
    """Return the error of a card that was taken away, or used up."""
    text = f"{method.id} was detached from a customer, or used without one before: it may not be used again."
    return BankError("payment_method_detached", text, param="payment_method")
