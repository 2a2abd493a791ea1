"""Everything that can be shown, by its id: what stands behind `retrieve`, `expand` and events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twin.money.payments.bank import Bank
from twin.money.payments.bank_errors import invalid, missing
from twin.money.payments.bank_records import (
    ConnectedAccount,
    Customer,
    Dispute,
    Intent,
    Method,
    RefundRecord,
    Setup,
    Thing,
)
from twin.money.payments.bank_state import find
from twin.money.payments.server import render_intent, render_money, render_people
from twin.money.payments.server.instants import Instants
from twin.money.payments.server.wire import Json, listed, suffix

EXPAND_DEPTH_MAX = 4


class Gallery:
    """Shows records of the bank as Stripe's objects.

    Args:
        bank: Whose.
        at: Turns instants into those of the wire.
    """

    def __init__(self, bank: Bank, at: Instants) -> None:
        self._bank = bank
        self._at = at
        self._by_prefix: Mapping[str, Callable[[str], Json]] = {
            "pi": lambda name: self.show(find(bank.state.intents, name, "payment_intent")),
            "seti": lambda name: self.show(find(bank.state.setups, name, "setupintent")),
            "cus": lambda name: self.show(find(bank.state.customers, name, "customer")),
            "pm": lambda name: self.show(find(bank.state.methods, name, "PaymentMethod")),
            "re": lambda name: self.show(find(bank.state.refunds, name, "refund")),
            "dp": lambda name: self.show(find(bank.state.disputes, name, "dispute")),
            "acct": lambda name: self.show(find(bank.state.accounts, name, "account")),
            "ch": self._charge,
            "txn": self._moved,
            "fee": self._fee,
            "tr": self._transfer,
        }

    def named(self, name: str, prefix: str) -> Json:
        """Return the object of an id that must begin with `prefix`.

        Raises:
            BankError: There is none.
        """
        if name.partition("_")[0] != prefix:
            raise missing(prefix, name)
        return self._by_prefix[prefix](name)

    def show(self, thing: Thing) -> Json:
        """Return a record as an object."""
        at, state = self._at, self._bank.state
        if isinstance(thing, Intent):
            return render_intent.intent(thing, at, state)
        if isinstance(thing, RefundRecord):
            return render_money.refund(thing, state.intents[thing.intent], at)
        if isinstance(thing, Dispute):
            return render_money.dispute(thing, state.intents[thing.intent], at)
        if isinstance(thing, Customer):
            return render_people.customer(thing, at)
        if isinstance(thing, Method):
            return render_people.method(thing, at)
        if isinstance(thing, Setup):
            return render_people.setup(thing, at, state)
        assert isinstance(thing, ConnectedAccount)
        return render_people.account(thing, at)

    def charge(self, intent: Intent) -> Json:
        """Return the latest charge of an intent."""
        return render_intent.charge(intent, self._at, self._bank.state)

    def expanded(self, shown: Json, paths: list[str]) -> Json:
        """Put whole objects where ids stand, as asked: `latest_charge.balance_transaction`, `data.charge`.

        Raises:
            BankError: Nothing can be expanded there, or the path is too deep.
        """
        for path in paths:
            parts = path.split(".")
            if len(parts) > EXPAND_DEPTH_MAX:
                text = f"You cannot expand more than {EXPAND_DEPTH_MAX} levels of a property: {path}."
                raise invalid("parameter_invalid", text, "expand")
            self._expand(shown, parts, path)
        return shown

    def _expand(self, shown: Json, parts: list[str], path: str) -> None:
        head, rest = parts[0], parts[1:]
        if shown.get("object") == "charge" and head == "refunds":
            shown.setdefault("refunds", self._refunds(shown["payment_intent"]))
        if head not in shown:
            text = f"This property cannot be expanded ({path})."
            raise invalid("parameter_invalid", text, "expand")
        value: Any = shown[head]
        if isinstance(value, str) and value.partition("_")[0] in self._by_prefix and head != "id":
            value = shown[head] = self._by_prefix[value.partition("_")[0]](value)
        elif isinstance(value, str | int):
            raise invalid("parameter_invalid", f"This property cannot be expanded ({path}).", "expand")
        if not rest:
            return
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                self._expand(inner, rest, path)

    def _refunds(self, intent: str | Json) -> Json:
        name = intent if isinstance(intent, str) else str(intent["id"])
        found = self._bank.state.intents[name]
        shown = [self.show(self._bank.state.refunds[refund]) for refund in reversed(found.refunds)]
        return listed(f"/v1/charges/{found.charge}/refunds", shown[:10], more=len(shown) > 10)

    def _charge(self, name: str) -> Json:
        """An earlier attempt of an intent is no longer known by its own id: the latest answers for it."""
        intent = self._bank.state.intents.get("pi_" + suffix(name).partition("r")[0])
        if intent is None or intent.charge != name:
            raise missing("charge", name)
        return self.charge(intent)

    def _moved(self, name: str) -> Json:
        own, state = suffix(name), self._bank.state
        intent = state.intents.get(f"pi_{own}")
        if intent is not None and intent.captured_minor:
            return render_money.charge_moved(intent, self._at)
        refund = state.refunds.get("re_" + own.removesuffix("f"))
        if refund is not None and (not own.endswith("f") or refund.failure_reason):
            return render_money.refund_moved(refund, self._at, back=own.endswith("f"))
        dispute = state.disputes.get("dp_" + own.removesuffix("w"))
        if dispute is not None:
            return render_money.dispute_moved(dispute, self._at, back=own.endswith("w"))
        raise missing("balance_transaction", name)

    def _fee(self, name: str) -> Json:
        intent = self._bank.state.intents.get("pi_" + suffix(name))
        if intent is None or intent.application_fee != name:
            raise missing("application_fee", name)
        return render_money.application_fee(intent, self._at, self._returned(intent))

    def _transfer(self, name: str) -> Json:
        intent = self._bank.state.intents.get("pi_" + suffix(name))
        if intent is None or intent.transfer != name:
            raise missing("transfer", name)
        return render_money.transfer(intent, self._at, self._returned(intent))

    def _returned(self, intent: Intent) -> list[RefundRecord]:
        return [self._bank.state.refunds[name] for name in intent.refunds]
