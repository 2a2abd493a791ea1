"""The simulated provider: each fault happens as its rate says, and moves nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.money.payments.heap_clock import HeapClock
from twin.domain.payments import (
    Authorise,
    Cancel,
    Capture,
    Done,
    Enrol,
    Fetch,
    Increment,
    Instrument,
    Means,
    Notice,
    Operation,
    Outcome,
    Refund,
    Refused,
    Status,
    Unknown,
)
from twin.money.payments.backoff import Backoff
from twin.money.payments.faults import Faults
from twin.money.payments.simulated import SimulatedProvider

NONE = Faults.none()
DAY_S = 86_400.0
N = 4_000


class Desk:
    """A provider, its clock, and everything it said."""

    def __init__(self, faults: Faults = NONE, *, seed: int = 1, **how: object) -> None:
        self.clock = HeapClock()
        self.provider = SimulatedProvider(self.clock, seed=seed, faults=faults, **how)
        self.news: list[Outcome | Notice] = []
        self.at: list[float] = []
        """When each of the news came."""
        self.provider.subscribe(self._hear)

    def _hear(self, news: Outcome | Notice) -> None:
        self.news.append(news)
        self.at.append(self.clock.now_s)

    def do(self, operation: Operation, wait_s: float = 120.0) -> Outcome:
        """Submit, wait, and return the answer."""
        seen = len(self.outcomes(operation.id))
        self.provider.submit(operation)
        self.clock.wait(wait_s)
        (answer,) = self.outcomes(operation.id)[seen:]
        return answer

    def outcomes(self, operation: str = "") -> list[Outcome]:
        """Return the answers, to one operation or to all."""
        told = [news for news in self.news if not isinstance(news, Notice)]
        return [news for news in told if not operation or news.operation == operation]

    def notices(self) -> list[Notice]:
        """Return the notices in the order in which they came."""
        return [news for news in self.news if isinstance(news, Notice)]

    def take(self, payment: str = "p", amount_minor: int = 2_000) -> None:
        """Hold 50 EUR and capture some of it."""
        self.provider.submit(hold(payment))
        self.provider.submit(Capture(f"{payment}/take", payment, amount_minor, 0))


def hold(payment: str = "p", *, means: Means = Means.APP, card: str = "", customer: str = "") -> Authorise:
    """Ask for 50 EUR on a Visa card."""
    card = card or ("" if customer else "pm_card_visa")
    return Authorise(f"{payment}/hold", payment, 5_000, "EUR", Instrument(means, card, customer), "op")


def holds(desk: Desk, names: Iterable[int], **how: object) -> Counter[str]:
    """Ask for many holds, and count what becomes of them: the code of a refusal, or the status."""
    for k in names:
        desk.provider.submit(hold(f"p{k}", **how))
    desk.clock.wait(60.0)
    return Counter(
        answer.code if isinstance(answer, Refused) else str(answer.snapshot and answer.snapshot.status.value)
        for answer in desk.outcomes()
        if not isinstance(answer, Unknown)
    )


def near(share: float) -> object:
    """Four standard deviations of N draws around a share."""
    return pytest.approx(share, abs=4 * (share * (1 - share) / N) ** 0.5)


class TestDeclines:
    @pytest.mark.parametrize("code", ["insufficient_funds", "expired_card", "processing_error", "fraudulent"])
    def test_a_rate_declines_its_share(self, code: str) -> None:
        """One in ten, by its code and no other."""
        found = holds(Desk(replace(NONE, declines={code: 0.1})), range(N))
        assert set(found) == {code, "held"}
        assert found[code] / N == near(0.1)

    def test_one_rate_moves_no_other_draw(self) -> None:
        """Who has no funds at 5 % has none at 10 %, and who has an expired card has it still (common random numbers)."""
        few, many = (
            Desk(replace(NONE, declines={"insufficient_funds": rate, "expired_card": 0.1}))
            for rate in (0.05, 0.1)
        )
        codes = []
        for desk in (few, many):
            holds(desk, range(1_000))
            codes.append({a.payment: a.code for a in desk.outcomes() if isinstance(a, Refused)})
        for payment, code in codes[0].items():
            assert codes[1][payment] == code
        assert len(codes[1]) > len(codes[0])

    def test_a_worse_line_declines_nobody_else(self) -> None:
        """With one answer in five lost instead of none, the provider's refusals and holds are the same ones."""
        faults = replace(NONE, declines={"insufficient_funds": 0.1, "expired_card": 0.1}, action=0.2)
        calm, rough = (Desk(replace(faults, answer_lost=rate)) for rate in (0.0, 0.2))
        found = []
        for desk in (calm, rough):
            holds(desk, range(1_000))
            intents = desk.provider.bank.state.intents.values()
            found.append([(intent.metadata["payment"], intent.status, intent.decline) for intent in intents])
        assert found[0] == found[1]
        assert sum(isinstance(answer, Unknown) for answer in rough.outcomes()) > 150

    def test_a_bad_card_stays_bad_and_a_bad_moment_passes(self) -> None:
        """Asked again under the same payment: an expired card is expired, funds may have come."""
        again: Counter[tuple[str, bool]] = Counter()
        desk = Desk(replace(NONE, declines={"insufficient_funds": 0.3, "expired_card": 0.3}))
        for k in range(300):
            first = desk.do(hold(f"p{k}"), 1.0)
            if isinstance(first, Refused):
                second = desk.do(hold(f"p{k}")._replace(id=f"p{k}/again"), 1.0)
                again[first.code, isinstance(second, Refused) and second.code == first.code] += 1
        assert again["expired_card", True] > 50
        assert again["expired_card", False] == 0
        assert again["insufficient_funds", False] > 30

    def test_nobody_confirms_a_monthly_bill(self) -> None:
        """Authentication is asked of accounts only, and declines there."""
        faults = replace(NONE, declines={"authentication_required": 1.0})
        desk = Desk(faults)
        enrolled = desk.do(Enrol("e", "d-1", Instrument(Means.ACCOUNT, "pm_card_visa")))
        assert isinstance(enrolled, Done)
        bill = desk.do(hold("bill", means=Means.ACCOUNT, customer=enrolled.reference))
        assert isinstance(bill, Refused)
        assert (bill.code, bill.final) == ("authentication_required", True)
        assert isinstance(desk.do(hold("app")), Done)

    def test_a_card_may_be_taken_away_before_the_bill(self) -> None:
        """Every driver does it here: the bill finds no card."""
        desk = Desk(replace(NONE, card_removed=1.0))
        enrolled = desk.do(Enrol("e", "d-1", Instrument(Means.ACCOUNT, "pm_card_visa")))
        assert isinstance(enrolled, Done)
        bill = desk.do(hold("bill", means=Means.ACCOUNT, customer=enrolled.reference))
        assert isinstance(bill, Refused)
        assert bill.code == "not_found"

    def test_an_increment_may_be_declined(self) -> None:
        """The hold stays."""
        desk = Desk(replace(NONE, increment_declined=1.0))
        desk.do(hold()._replace(incremental=True))
        raised = desk.do(Increment("i", "p", 6_000))
        assert isinstance(raised, Refused)
        assert raised.code == "insufficient_funds"
        assert raised.snapshot is not None
        assert (raised.snapshot.status, raised.snapshot.authorised_minor) == (Status.HELD, 5_000)


class TestAction:
    def test_drivers_confirm_in_an_app_only(self) -> None:
        """A terminal and a wallet have confirmed already."""
        faults = replace(NONE, action=1.0)
        for means, status in (
            (Means.APP, "requires action"),
            (Means.WALLET, "held"),
            (Means.TERMINAL, "held"),
        ):
            assert holds(Desk(faults), range(3), means=means) == {status: 3}

    def test_most_confirm_and_some_give_up(self) -> None:
        """Nine in ten; notices tell how it went, after about 25 seconds."""
        desk = Desk(replace(NONE, action=1.0, action_completed=0.9))
        holds(desk, range(N))
        desk.clock.wait(3_600.0)
        kinds = Counter(notice.kind for notice in desk.notices())
        assert kinds["payment_intent.requires_action"] == N
        assert kinds["payment_intent.amount_capturable_updated"] / N == near(0.9)
        assert kinds["payment_intent.amount_capturable_updated"] + kinds["payment_intent.payment_failed"] == N
        took_s = sorted(n.happened_s for n in desk.notices() if n.kind != "payment_intent.requires_action")
        assert took_s[N // 2] == pytest.approx(25.0, rel=0.05)

    def test_what_was_cancelled_meanwhile_stays_cancelled(self) -> None:
        """The driver confirms too late."""
        desk = Desk(replace(NONE, action=1.0, action_completed=1.0))
        desk.do(hold(), 0.0)
        desk.do(Cancel("x", "p"), 3_600.0)
        after = desk.do(Fetch("f", "p"))
        assert isinstance(after, Done)
        assert after.snapshot is not None
        assert after.snapshot.status is Status.CANCELLED


class TestLine:
    def test_answers_take_their_time(self) -> None:
        """Half within 0.6 s, 99 of 100 within 3 s."""
        desk = Desk(replace(NONE, latency_s=0.6, latency_p99_s=3.0))
        for k in range(N):
            desk.provider.submit(hold(f"p{k}"))
        desk.clock.wait(60.0)
        took_s = sorted(at for at, news in zip(desk.at, desk.news, strict=True) if isinstance(news, Done))
        assert len(took_s) == N
        assert took_s[N // 2] == pytest.approx(0.6, rel=0.1)
        assert took_s[N * 99 // 100] == pytest.approx(3.0, rel=0.15)

    def test_a_lost_answer_was_done_all_the_same(self) -> None:
        """Unknown after the time-out; a look finds the hold, and the same id answers it."""
        desk = Desk(replace(NONE, answer_lost=1.0))
        answer = desk.do(hold())
        assert isinstance(answer, Unknown)
        assert (answer.why, answer.burnt) == ("no answer", False)
        assert desk.at[desk.news.index(answer)] == 30.0
        assert len(desk.provider.bank.state.intents) == 1
        desk.provider.submit(hold())
        assert len(desk.provider.bank.state.intents) == 1

    def test_a_lost_request_was_not_done(self) -> None:
        """Nothing is there; the same id again does it, for luck is drawn anew."""
        desk = Desk(replace(NONE, request_lost=0.5))
        lost = [k for k in range(100) if isinstance(desk.do(hold(f"p{k}")), Unknown)]
        assert 30 < len(lost) < 70
        looked = [desk.do(Fetch(f"look{k}", f"p{k}")) for k in lost]
        assert all(isinstance(answer, Unknown) or answer.code == "not_found" for answer in looked)
        for k in lost:
            for _ in range(20):
                if isinstance(desk.do(hold(f"p{k}")), Done):
                    break
        assert len(desk.provider.bank.state.intents) == 100

    def test_an_answer_slower_than_the_time_out_is_unknown(self) -> None:
        """It took a minute; nobody waited that long."""
        desk = Desk(replace(NONE, latency_s=60.0, latency_p99_s=60.0))
        assert isinstance(desk.do(hold()), Unknown)

    @pytest.mark.parametrize(("done", "intents"), [(0.0, 0), (1.0, 1)])
    def test_a_server_error_burns_the_key(self, done: float, intents: int) -> None:
        """The same id gets the same error for a day, whether it was done or not; another id goes on from there."""
        desk = Desk(replace(NONE, server_error=1.0, server_error_done=done))
        first = desk.do(hold())
        assert isinstance(first, Unknown)
        assert first.burnt
        desk.provider._faults = NONE  # it works again
        assert desk.do(hold()) == first
        assert len(desk.provider.bank.state.intents) == intents
        look = desk.do(Fetch("f", "p"))
        if done:
            assert isinstance(look, Done)
            assert isinstance(desk.do(Capture("c", "p", 2_000, 0)), Done)
        else:
            assert isinstance(look, Refused)
            assert isinstance(desk.do(hold()._replace(id="p/hold again")), Done)

    def test_an_outage_answers_nobody(self) -> None:
        """Outages begin about every hour here and last hours: nearly everything is unknown, and nothing is done."""
        desk = Desk(replace(NONE, outages_per_year=8_760.0, outage_s=36_000.0))
        desk.clock.wait(10 * DAY_S)
        answer = desk.do(hold())
        assert isinstance(answer, Unknown)
        assert answer.why == "outage"
        assert not desk.provider.bank.state.intents

    def test_refused_by_429_it_backs_off_and_goes_on_by_itself(self) -> None:
        """The same operation, later: done once. With every try refused, patience ends: unknown."""
        burst = replace(NONE, bursts_per_year=8_760.0, burst_s=36_000.0)
        some = Desk(replace(burst, burst_refused=0.5))
        some.clock.wait(10 * DAY_S)
        begin_s = some.clock.now_s
        assert Counter(type(some.do(hold(f"p{k}"))).__name__ for k in range(50))["Done"] >= 45
        late = [at for at, news in zip(some.at, some.news, strict=True) if isinstance(news, Done)]
        assert any((at - begin_s) % 120.0 > 0.2 for at in late)
        none = Desk(replace(burst, burst_refused=1.0), backoff=Backoff(attempts_max=3))
        none.clock.wait(10 * DAY_S)
        answer = none.do(hold())
        assert isinstance(answer, Unknown)
        assert (answer.why, answer.burnt) == ("too many requests", False)
        assert not none.provider.bank.state.intents


class TestNotices:
    def test_without_faults_each_step_is_told_once_after_its_answer(self) -> None:
        """Hold, capture, refund: three answers, three notices."""
        desk = Desk()
        desk.take()
        desk.provider.submit(Refund("r", "p", 100, "duplicate"))
        kinds = [news.kind if isinstance(news, Notice) else type(news).__name__ for news in desk.news]
        assert kinds == [
            "Done", "payment_intent.amount_capturable_updated", "Done", "payment_intent.succeeded", "Done",
            "refund.created",
        ]  # fmt: skip

    def test_some_are_lost(self) -> None:
        """A tenth never comes."""
        desk = Desk(replace(NONE, notice_lost=0.1))
        holds(desk, range(N))
        assert len(desk.notices()) / N == near(0.9)

    def test_some_come_twice_with_the_same_id(self) -> None:
        """A tenth has a second copy."""
        desk = Desk(replace(NONE, notice_doubled=0.1))
        holds(desk, range(N))
        desk.clock.wait(DAY_S)
        copies = Counter(notice.id for notice in desk.notices())
        assert len(copies) == N
        assert sum(count == 2 for count in copies.values()) / N == near(0.1)

    def test_some_are_hours_late(self) -> None:
        """A tenth, four hours on average."""
        desk = Desk(replace(NONE, notice_late=0.1))
        holds(desk, range(N))
        desk.clock.wait(2 * DAY_S)
        late_s = [
            at for at, news in zip(desk.at, desk.news, strict=True) if isinstance(news, Notice) and at > 1
        ]
        assert len(late_s) / N == near(0.1)
        assert sum(late_s) / len(late_s) == pytest.approx(4 * 3_600.0, rel=0.2)

    def test_some_are_overtaken(self) -> None:
        """The notice of a capture comes before that of its hold."""
        desk = Desk(replace(NONE, notice_s=2.0, notice_reordered=0.5))
        for k in range(200):
            desk.take(f"p{k}")
        desk.clock.wait(DAY_S)
        first = {}
        for notice in desk.notices():
            first.setdefault(notice.payment, notice.kind)
        assert 40 < Counter(first.values())["payment_intent.succeeded"] < 140


class TestSequels:
    def test_holds_end_in_time_and_say_so(self) -> None:
        """Seven days for a Visa in an app: the notice comes at that very second, for each of them."""
        desk = Desk()
        for k in range(10):
            desk.provider.submit(hold(f"p{k}"))
            desk.clock.wait(3_600.0)
        desk.provider.submit(Cancel("x", "p3"))
        desk.clock.wait(8 * DAY_S)
        ended = {n.payment: n.happened_s for n in desk.notices() if n.kind == "payment_intent.canceled"}
        at_s = {n.payment: at for n, at in zip(desk.news, desk.at, strict=True) if isinstance(n, Notice)}
        assert ended == {f"p{k}": 36_000.0 if k == 3 else 3_600.0 * k + 7 * DAY_S for k in range(10)}
        assert at_s == ended

    def test_an_issuer_may_end_a_hold_during_the_session(self) -> None:
        """After two hours: the capture of the third hour is refused."""
        desk = Desk(replace(NONE, hold_short=1.0))
        first = desk.do(hold(), 3 * 3_600.0)
        assert isinstance(first, Done)
        assert first.snapshot is not None
        assert first.snapshot.capture_before_s == 7_200.0
        late = desk.do(Capture("c", "p", 2_000, 0))
        assert isinstance(late, Refused)
        assert late.snapshot is not None
        assert (late.code, late.snapshot.status) == ("wrong_state", Status.EXPIRED)

    def test_disputes_come_by_their_rate_and_are_decided(self) -> None:
        """A fifth of the payments, a month later on average; three in ten are won."""
        desk = Desk(replace(NONE, dispute=0.2, dispute_won=0.3))
        n = 2_000
        for k in range(n):
            desk.take(f"p{k}")
        desk.clock.wait(3 * 365 * DAY_S)
        opened = [n.happened_s for n in desk.notices() if n.kind == "charge.dispute.created"]
        closed = [n.payment for n in desk.notices() if n.kind == "charge.dispute.closed"]
        assert len(opened) / n == pytest.approx(0.2, abs=0.036)
        assert len(closed) == len(opened)
        assert sum(opened) / len(opened) == pytest.approx(30 * DAY_S, rel=0.2)
        disputes = desk.provider.bank.state.disputes.values()
        won = sum(dispute.status == "won" for dispute in disputes)
        assert won / len(disputes) == pytest.approx(0.3, abs=0.1)

    def test_what_was_given_back_is_not_disputed(self) -> None:
        """Nothing is left to take back."""
        desk = Desk(replace(NONE, dispute=1.0))
        desk.take()
        desk.provider.submit(Refund("r", "p", 2_000, "duplicate"))
        desk.clock.wait(3 * 365 * DAY_S)
        assert not desk.provider.bank.state.disputes

    def test_a_refund_may_come_back(self) -> None:
        """Five days later, and a notice tells."""
        desk = Desk(replace(NONE, refund_failed=1.0))
        desk.take()
        desk.provider.submit(Refund("r", "p", 500, "duplicate"))
        desk.clock.wait(6 * DAY_S)
        last = desk.notices()[-1]
        assert (last.kind, last.happened_s) == ("refund.failed", 5 * DAY_S)
        look = desk.do(Fetch("f", "p"))
        assert isinstance(look, Done)
        assert look.snapshot is not None
        assert (look.snapshot.refunded_minor, look.snapshot.refund_failed_minor) == (500, 500)


class TestMemory:
    def test_what_is_over_is_forgotten_in_time(self) -> None:
        """A payment a day, ten days of memory: never more than eleven are remembered."""
        desk = Desk(retention_s=10 * DAY_S)
        for k in range(60):
            desk.take(f"p{k}")
            desk.clock.wait(DAY_S)
            assert desk.provider.remembered <= 11
        gone = desk.do(Fetch("f", "p0"))
        assert isinstance(gone, Refused)
        assert gone.code == "not_found"
        assert len(desk.provider.bank.state.intents) == desk.provider.remembered

    def test_what_is_still_to_be_disputed_is_remembered(self) -> None:
        """The dispute of day 90 finds its payment, though memory is ten days."""
        desk = Desk(replace(NONE, dispute=1.0, dispute_days=90.0), retention_s=10 * DAY_S)
        for k in range(50):
            desk.take(f"p{k}")
        desk.clock.wait(3 * 365 * DAY_S)
        assert sum(notice.kind == "charge.dispute.closed" for notice in desk.notices()) == 50
        desk.take("last")
        assert desk.provider.remembered == 1


def test_the_same_seed_says_the_same_and_another_does_not() -> None:
    """Every fault at its assumed rate and more: all news of 300 payments, word for word (I6)."""
    faults = replace(
        Faults(), notice_doubled=0.2, notice_late=0.2, answer_lost=0.1, request_lost=0.1, dispute=0.2
    )

    def run(seed: int) -> list[object]:
        desk = Desk(faults, seed=seed)
        for k in range(300):
            desk.take(f"p{k}")
            desk.clock.wait(600.0)
        desk.clock.wait(365 * DAY_S)
        return list(zip(desk.at, desk.news, strict=True))

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_what_happens_to_one_payment_does_not_depend_on_the_others() -> None:
    """Alone, or as the last of a hundred: the same answers after the same times."""
    faults = replace(Faults(), outages_per_year=0.0, bursts_per_year=0.0)

    def story(crowd: int) -> list[tuple[float, str, object]]:
        desk = Desk(faults)
        for k in range(crowd):
            desk.provider.submit(hold(f"other{k}", card="card-1"))
        desk.provider.submit(hold("mine", card="card-1"))
        desk.clock.wait(3_600.0)
        return [
            (at, type(news).__name__, getattr(news, "code", None) or getattr(news, "kind", None))
            for at, news in zip(desk.at, desk.news, strict=True)
            if news.payment == "mine"
        ]

    assert story(0) == story(100)
