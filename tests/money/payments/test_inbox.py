"""The inbox: what is taken, what is refused, and that each event is processed once, whatever fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.money.payments.stripe_line import EPOCH_NS, SECRET
from twin.domain.payments import Notice
from twin.errors import SettingsError
from twin.money.ledger.memory import MemoryBooks
from twin.money.payments.inbox import REJECTED, Inbox, Verdict
from twin.money.payments.server.hand_clock import HandClock

NOW = EPOCH_NS // 1_000_000_000
OLD_SECRET = "whsec_before"


class Office:
    """Implements `inbox.Office`: writes down, and answers when it is told to."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.asked: list[tuple[str, Callable[[str | None], None]]] = []

    def notice(self, notice: Notice, /) -> None:
        self.told.append(notice)

    def identify(self, event: str, intent: str, found: Callable[[str | None], None], /) -> None:
        self.asked.append((intent, found))


class Desk:
    """An inbox with everything around it."""

    def __init__(self, books: MemoryBooks | None = None) -> None:
        self.books = books or MemoryBooks()
        self.clock = HandClock(EPOCH_NS)
        self.office = Office()
        self.inbox = Inbox(self.books, self.clock, (SecretStr(SECRET), SecretStr(OLD_SECRET)), self.office)

    def receive(self, body: bytes, *, secret: str = SECRET, stamp: int = NOW) -> Verdict:
        return self.inbox.receive(body, sign(body, secret, stamp))


def sign(body: bytes, secret: str = SECRET, stamp: int = NOW) -> str:
    return stripe.WebhookSignature.generate_signature_header(body.decode(), secret, stamp)


def event(name: str = "evt_1", kind: str = "payment_intent.succeeded", **thing: object) -> bytes:
    about = {"id": "pi_1", "object": "payment_intent", "metadata": {"twin_payment": "p"}} | thing
    return json.dumps({"id": name, "object": "event", "type": kind, "data": {"object": about}}).encode()


DISPUTE = {"id": "dp_1", "object": "dispute", "metadata": {}, "payment_intent": "pi_7"}


@pytest.fixture
def desk() -> Desk:
    """A new inbox."""
    return Desk()


def test_an_event_becomes_a_notice_once(desk: Desk) -> None:
    """Three times the same event, one notice."""
    assert [desk.receive(event()) for _ in range(3)] == [Verdict.TAKEN, Verdict.REPEATED, Verdict.REPEATED]
    assert desk.office.told == [Notice("evt_1", "p", 0.0, "payment_intent.succeeded")]
    assert desk.inbox.counts == {Verdict.TAKEN: 1, Verdict.REPEATED: 2}


def test_either_secret_will_do_while_one_is_rolled(desk: Desk) -> None:
    """The old one and the new one."""
    assert desk.receive(event("evt_1"), secret=OLD_SECRET) is Verdict.TAKEN
    assert desk.receive(event("evt_2")) is Verdict.TAKEN


@pytest.mark.parametrize(
    ("body", "signature", "verdict"),
    [
        (event(), None, Verdict.FORGED),
        (event(), "", Verdict.FORGED),
        (event(), "rubbish", Verdict.FORGED),
        (event(), f"t={NOW}", Verdict.FORGED),
        (event(), f"t=,v1={'0' * 64}", Verdict.FORGED),
        (event(), sign(event(), "whsec_other"), Verdict.FORGED),
        (event(), sign(event("evt_2")), Verdict.FORGED),
        (event(), sign(event()).replace("v1=", "v0="), Verdict.FORGED),
        (b"\xff\xfe", sign(b""), Verdict.FORGED),
        (event(), sign(event(), stamp=NOW - 301), Verdict.OLD),
        (event(), sign(event(), stamp=NOW + 301), Verdict.EARLY),
        (b"hello", sign(b"hello"), Verdict.UNREADABLE),
        (b"[]", sign(b"[]"), Verdict.UNREADABLE),
        (b"", sign(b""), Verdict.UNREADABLE),
        (b'{"object": "event"}', sign(b'{"object": "event"}'), Verdict.UNREADABLE),
        (b"[" * 100_000, sign(b"[" * 100_000), Verdict.UNREADABLE),
    ],
)
def test_what_is_not_signed_now_or_not_readable_is_rejected(
    desk: Desk, body: bytes, signature: str | None, verdict: Verdict
) -> None:
    """Counted by its reason; nothing is stored."""
    assert desk.inbox.receive(body, signature) is verdict
    assert verdict in REJECTED
    assert not list(desk.books.facts())
    assert desk.inbox.counts == {verdict: 1}


@pytest.mark.parametrize("stamp", [NOW - 300, NOW + 300])
def test_five_minutes_either_way_are_allowed(desk: Desk, stamp: int) -> None:
    """300 s are, 301 s are not."""
    assert desk.receive(event(), stamp=stamp) is Verdict.TAKEN


@pytest.mark.parametrize(
    "kind", ["customer.created", "invoice.paid", "setup_intent.succeeded", "account.updated"]
)
def test_what_is_about_no_payment_is_acknowledged_and_dropped(desk: Desk, kind: str) -> None:
    """It would be sent again for three days otherwise."""
    assert desk.receive(event(kind=kind, object="customer")) is Verdict.IRRELEVANT
    assert not list(desk.books.facts())


def test_whose_dispute_it_is_is_looked_up(desk: Desk) -> None:
    """A dispute does not name our payment: its payment intent does."""
    assert desk.receive(event(kind="charge.dispute.created", **DISPUTE)) is Verdict.TAKEN
    assert not desk.office.told
    ((intent, found),) = desk.office.asked
    assert intent == "pi_7"
    found("p-7")
    assert desk.office.told == [Notice("evt_1", "p-7", 0.0, "charge.dispute.created")]


def test_an_unknown_object_is_counted(desk: Desk) -> None:
    """Taken, looked up, not found: nobody is told, and it is not looked up again."""
    desk.receive(event(kind="charge.dispute.created", **DISPUTE))
    desk.office.asked.pop()[1]("")
    assert (desk.office.told, desk.inbox.counts[Verdict.UNKNOWN]) == ([], 1)
    desk.inbox.restore()
    assert not desk.office.asked


def test_who_cannot_be_asked_now_is_asked_in_a_minute(desk: Desk) -> None:
    """An outage between webhook and look-up."""
    desk.receive(event(kind="charge.dispute.created", **DISPUTE))
    desk.office.asked.pop()[1](None)
    assert not desk.office.asked
    while desk.clock.step(60.0):
        pass
    desk.office.asked.pop()[1]("p-7")
    assert [news.payment for news in desk.office.told] == ["p-7"]


def test_what_was_stored_and_not_processed_is_processed_after_a_crash(desk: Desk) -> None:
    """The process died between acknowledgement and look-up: the next one goes on, once."""
    desk.receive(event("evt_1"))
    desk.receive(event("evt_2", kind="charge.dispute.created", **DISPUTE))
    after = Desk(desk.books)
    after.inbox.restore()
    after.office.asked.pop()[1]("p-7")
    assert [news.id for news in after.office.told] == ["evt_2"]
    last = Desk(desk.books)
    last.inbox.restore()
    assert (last.office.told, last.office.asked) == ([], [])


class Refusing(MemoryBooks):
    """Books that refuse while they are told to."""

    refusing = True

    @contextmanager
    def atomic(self) -> Iterator[None]:
        with super().atomic():
            yield
            if self.refusing:
                raise SettingsError("the database is gone")


def test_books_that_refuse_keep_nothing_and_the_next_try_is_taken() -> None:
    """The sender is not acknowledged, sends again, and the event is processed once."""
    books = Refusing()
    desk = Desk(books)
    with pytest.raises(SettingsError):
        desk.receive(event())
    assert not desk.office.told
    books.refusing = False
    assert desk.receive(event()) is Verdict.TAKEN
    assert len(desk.office.told) == 1


def test_no_content_of_an_event_is_stored(desk: Desk) -> None:
    """Only its id, kind, payment and intent: what it says may be old, and may name people."""
    desk.receive(event(receipt_email="driver@twin.test"))
    assert "driver@twin.test" not in json.dumps([fact.body for fact in desk.books.facts()])


@given(st.lists(st.integers(1, 6), max_size=30))
def test_any_order_and_any_number_of_copies_are_each_told_once(names: list[int]) -> None:
    """Events are processed in the order in which they first came."""
    desk = Desk()
    for name in names:
        desk.receive(event(f"evt_{name}"))
    assert [news.id for news in desk.office.told] == [f"evt_{name}" for name in dict.fromkeys(names)]


@given(st.binary(max_size=200))
def test_no_signed_body_breaks_it(body: bytes) -> None:
    """Whatever is signed is judged."""
    desk = Desk()
    text = body.decode("latin-1").encode()
    assert desk.receive(text) in Verdict
