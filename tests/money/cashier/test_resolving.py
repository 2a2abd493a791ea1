"""What is in doubt is looked up, and done once; what the provider says late, twice or wrongly ordered changes nothing."""

from __future__ import annotations

import pytest

from tests.money.cashier.bench import HOUR_S, Bench, card
from tests.money.cashier.scripted import Scripted
from twin.domain.payments import Authorise, Cancel, Capture, Fetch, Notice, Snapshot, Status
from twin.errors import SettingsError
from twin.money.cashier.policy import Policy, Silence
from twin.money.cashier.rows import OddRow
from twin.money.ledger.memory import MemoryBooks

WAITS = Policy(patience_s=10_000.0, silence=Silence.ALLOW)


def test_an_answer_that_is_lost_is_looked_up_and_found() -> None:
    """Unknown after the effect: the fetch shows the hold, and no second one is asked for."""
    bench = Bench(Scripted, WAITS)
    bench.cashier.ask(card())
    bench.payments.fail()
    bench.clock.wait(2)
    bench.payments.done(bench.payments.held())
    assert bench.decisions[0].granted
    assert bench.payments.kinds() == ["Authorise", "Fetch"]


def test_what_was_not_done_is_asked_for_again_under_its_own_name() -> None:
    """The fetch finds nothing: the same operation, the same id."""
    bench = Bench(Scripted, WAITS)
    bench.cashier.ask(card())
    bench.payments.fail()
    bench.clock.wait(2)
    bench.payments.refuse("not_found")
    assert bench.payments.ids(Authorise) == ["e1#1.1/hold/1", "e1#1.1/hold/1"]


def test_a_burnt_name_is_followed_by_the_next_only_when_nothing_was_done() -> None:
    """A saved server error: looked up first, then number two."""
    bench = Bench(Scripted, WAITS)
    bench.cashier.ask(card())
    bench.payments.fail(burnt=True)
    bench.clock.wait(2)
    assert bench.payments.ids(Authorise) == ["e1#1.1/hold/1"]
    bench.payments.refuse("not_found")
    assert bench.payments.ids(Authorise) == ["e1#1.1/hold/1", "e1#1.1/hold/2"]


def test_a_burnt_name_is_not_followed_where_it_was_done() -> None:
    """A saved server error after the effect."""
    bench = Bench(Scripted, WAITS)
    bench.cashier.ask(card())
    bench.payments.fail(burnt=True)
    bench.clock.wait(2)
    bench.payments.done(bench.payments.held())
    assert bench.payments.ids(Authorise) == ["e1#1.1/hold/1"]
    assert bench.decisions[0].granted


def test_looking_up_backs_off() -> None:
    """After 2, 4, 8, … seconds, at least every hour, for as long as it takes."""
    bench = Bench(Scripted, WAITS)
    bench.payments.failing = True
    bench.cashier.ask(card())
    bench.clock.wait(2 + 4 + 8 + 16 + 1)
    assert len(bench.payments.ids(Fetch)) == 4
    bench.clock.wait(24 * HOUR_S)
    assert 30 < len(bench.payments.ids(Fetch)) < 45


def test_an_operation_that_nobody_answers_is_looked_up() -> None:
    """No outcome within 90 s, not even a failure."""
    bench = Bench(Scripted, WAITS)
    bench.cashier.ask(card())
    bench.clock.wait(89)
    assert bench.payments.kinds() == ["Authorise"]
    bench.clock.wait(2)
    assert bench.payments.kinds() == ["Authorise", "Fetch"]


def test_a_hold_that_nobody_needs_and_the_provider_does_not_know_never_was() -> None:
    """Looked up until ten minutes have passed, and not asked for again."""
    bench = Bench(Scripted)
    bench.cashier.ask(card())
    bench.payments.fail()
    bench.cashier.gone("e1")
    for _ in range(20):
        bench.clock.wait(200)
        if isinstance(bench.payments.asked[-1], Fetch):
            bench.payments.refuse("not_found")
    assert len(bench.payments.ids(Authorise)) == 1
    assert bench.cashier._desk.memory.pays["e1#1.1"].status is Status.CANCELLED


def test_old_news_change_nothing() -> None:
    """The grant of the hold comes again, long after it was captured."""
    bench = Bench(Scripted)
    bench.cashier.ask(card())
    held = bench.payments.held()
    bench.payments.done(held)
    bench.start("e1", "s1")
    bench.clock.wait(HOUR_S)
    bench.end("e1")
    assert bench.payments.ids(Capture) == ["e1#1.1/capture/2"]
    bench.payments.done(held._replace(status=Status.CAPTURED, captured_minor=550, fee_minor=30))
    before = list(bench.books.entries())
    bench.payments.grant()
    bench.payments.done(held._replace(status=Status.CAPTURED, captured_minor=550, fee_minor=30))
    assert list(bench.books.entries()) == before
    assert bench.payments.kinds() == ["Authorise", "Capture"]


def test_a_notice_is_a_reason_to_look_only_where_it_is_news() -> None:
    """What we know already costs no question; a dispute does."""
    bench = Bench(Scripted)
    bench.cashier.ask(card())
    bench.payments.done(bench.payments.held())
    bench.payments.say(Notice("evt_1", "e1#1.1", 0.0, "payment_intent.amount_capturable_updated"))
    assert bench.payments.kinds() == ["Authorise"]
    bench.payments.say(Notice("evt_2", "e1#1.1", 0.0, "charge.dispute.created"))
    assert bench.payments.kinds() == ["Authorise", "Fetch"]


def test_news_of_an_unknown_payment_are_counted() -> None:
    """Neither guessed at nor dropped in silence."""
    bench = Bench(Scripted)
    bench.payments.say(Notice("evt_1", "pi_of_somebody", 0.0, "payment_intent.succeeded"))
    assert [row.subject for row in bench.rows if isinstance(row, OddRow)] == ["pi_of_somebody"]


def test_a_hold_that_expired_before_its_capture_is_written_off_as_expired() -> None:
    """The provider refuses the capture and shows why; the card is not saved."""
    bench = Bench(Scripted)
    bench.cashier.ask(card())
    held = bench.payments.held()
    bench.payments.done(held)
    bench.start("e1", "s1")
    bench.clock.wait(HOUR_S)
    bench.end("e1")
    expired: Snapshot = held._replace(status=Status.EXPIRED)
    bench.payments.refuse("wrong_state", expired)
    assert bench.balance("write-off:expired") == 550
    assert bench.balance("hold:provider") == 0
    assert not bench.payments.ids(Cancel)


class FailingBooks(MemoryBooks):
    """A database that vanishes for a while."""

    gone = False

    def note(self, stream: str, kind: str, body: object, /) -> None:
        """Refuse while it is gone."""
        if self.gone:
            raise SettingsError("the database cannot be reached")
        super().note(stream, kind, body)  # type: ignore[arg-type]


def test_a_database_that_vanishes_stops_the_cashier_until_it_is_restored() -> None:
    """One clear error, nothing is asked of the provider, and everything goes on afterwards."""
    books = FailingBooks()
    bench = Bench(Scripted, books=books)
    books.gone = True
    with pytest.raises(SettingsError, match="cannot be reached"):
        bench.cashier.ask(card())
    books.gone = False
    with pytest.raises(SettingsError, match="restore it from its books"):
        bench.cashier.ask(card())
    assert not bench.payments.asked
    bench.cashier.restore()
    bench.cashier.ask(card())
    bench.payments.done(bench.payments.held())
    assert bench.decisions[0].granted
