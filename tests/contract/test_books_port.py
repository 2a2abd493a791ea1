"""What the books promise holds unchanged in memory, in a file, and at a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.domain.books import Books, LedgerEntry, Posting
from twin.errors import AuditError
from twin.money.ledger.memory import MemoryBooks
from twin.money.ledger.sql import SqlBooks


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """Empty books."""
    made: Books
    if request.param == "memory":
        made = MemoryBooks()
    elif request.param == "sqlite":
        made = SqlBooks(f"sqlite:///{tmp_path / 'books.db'}")
    else:
        made = SqlBooks(request.getfixturevalue("postgres_url"))
    yield made
    made.close()


class _Fail(Exception):
    pass


@contextmanager
def failing(books: Books) -> Iterator[None]:
    """A block that is left by an exception."""
    with suppress(_Fail), books.atomic():
        yield
        raise _Fail


def entry(cause: str = "capture/p-1", amount_minor: int = 500, **fields: Any) -> LedgerEntry:
    """Return one that moves an amount from a driver to cash."""
    postings = (Posting("cash:stripe", amount_minor), Posting("driver:d-1", -amount_minor))
    return LedgerEntry(cause, 60.0, "EUR", postings, "s-1", "a memo")._replace(**fields)


def post(books: Books, *entries: LedgerEntry) -> list[bool]:
    """Post in one block."""
    with books.atomic():
        return [books.post(one) for one in entries]


def test_an_entry_is_kept_as_it_is(books: Books) -> None:
    """Order, postings in order, session, memo and time."""
    first, second = entry("a"), entry("b", 7, happened_s=0.1, session="", memo="")
    assert post(books, first, second) == [True, True]
    assert list(books.entries()) == [first, second]
    assert books.entry("b") == second
    assert books.entry("c") is None


def test_balances_are_sums_of_postings_per_currency(books: Books) -> None:
    """5.00 + 2.00 EUR and 300 JPY are not 10.00 of anything."""
    post(books, entry("a", 500), entry("b", 200), entry("c", 300, currency="JPY"))
    assert books.balance("cash:stripe", "EUR") == 700
    assert books.balance("driver:d-1", "JPY") == -300
    assert books.balance("driver:d-1", "KWD") == 0
    assert dict(books.balances()) == {
        ("cash:stripe", "EUR"): 700,
        ("cash:stripe", "JPY"): 300,
        ("driver:d-1", "EUR"): -700,
        ("driver:d-1", "JPY"): -300,
    }


def test_a_cause_is_booked_once(books: Books) -> None:
    """Again within the block, in the next one, in a nested one: nothing changes."""
    assert post(books, entry(), entry()) == [True, False]
    assert post(books, entry()) == [False]
    with books.atomic():
        assert post(books, entry()) == [False]
    assert list(books.entries()) == [entry()]
    assert books.balance("cash:stripe", "EUR") == 500


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount_minor": 501}, "another postings: there is cash:stripe .500, driver:d-1 -500 EUR at 60 s"),
        ({"currency": "USD"}, "another currency"),
        ({"happened_s": 61.0}, "another happened_s"),
        ({"session": "s-2", "memo": "x"}, r"another session and memo.*now came .*\(s-2, 'x'\)"),
    ],
)
def test_a_cause_with_another_content_is_refused_naming_both(
    books: Books, change: dict[str, Any], told: str, durable: bool
) -> None:
    """What is there stays; whoever catches it goes on."""
    if durable:
        post(books, entry())
    with books.atomic():
        books.post(entry())
        with pytest.raises(AuditError, match=rf"^capture/p-1: booked already, with {told}"):
            books.post(entry(**change))
        books.post(entry("other", 1))
    assert [one.cause for one in books.entries()] == ["capture/p-1", "other"]


BAD = {
    "does not balance, money by \\+1": (Posting("cash:stripe", 1), Posting("driver:d-1", 0)),
    "nothing can be booked of 0": (Posting("cash:stripe", 0), Posting("driver:d-1", 0)),
    "an entry without postings": (),
    "1.0 is no whole number": (Posting("cash:stripe", 1.0), Posting("driver:d-1", -1)),  # type: ignore[arg-type]
    "True is no whole number": (Posting("cash:stripe", True), Posting("driver:d-1", -1)),
    "'wallet:x' is no account": (Posting("wallet:x", 1), Posting("driver:d-1", -1)),
    "'cash:' is no account": (Posting("cash:", 1), Posting("driver:d-1", -1)),
    "'cash' is no account": (Posting("cash", 1), Posting("driver:d-1", -1)),
    "money by \\+1 and holds by -1": (Posting("cash:stripe", 1), Posting("held:d-1", -1)),
    "nothing can be booked of 9223372036854775808": (
        Posting("cash:stripe", 2**63),
        Posting("driver:d-1", -(2**63)),
    ),
}


@pytest.mark.parametrize("told", BAD)
def test_what_does_not_balance_is_refused(books: Books, told: str) -> None:
    """The message says what is wrong; nothing is kept."""
    with books.atomic():
        if "balance" in told:
            bad = entry(postings=(Posting("cash:stripe", 2), Posting("driver:d-1", -1)))
        else:
            bad = entry(postings=BAD[told])
        with pytest.raises(AuditError, match=f"capture/p-1: .*{told}"):
            books.post(bad)
    assert not list(books.entries())
    assert not books.balances()


@pytest.mark.parametrize(
    "change", [{"cause": ""}, {"currency": "eur"}, {"currency": ""}, {"happened_s": float("nan")}]
)
def test_an_entry_needs_a_cause_a_currency_and_an_instant(books: Books, change: dict[str, Any]) -> None:
    """Each of them is named."""
    with (
        books.atomic(),
        pytest.raises(AuditError, match="a cause, a currency of three letters and an instant"),
    ):
        books.post(entry(**change))


def test_amounts_are_whole_minor_units_of_any_currency_and_size(books: Books) -> None:
    """Far beyond 32 bits, exact beyond what a double can hold; JPY has no decimals, KWD three."""
    post(
        books,
        entry("a", 2**31, currency="JPY"),
        entry("b", 2**53 + 1, currency="KWD"),
        entry("c", 2**62),
        entry("d", -(2**63 - 1)),
    )
    assert [one.postings[0].amount_minor for one in books.entries()] == [
        2**31,
        2**53 + 1,
        2**62,
        -(2**63 - 1),
    ]
    assert books.balance("cash:stripe", "EUR") == 2**62 - 2**63 + 1
    assert books.balance("cash:stripe", "KWD") == 2**53 + 1
    assert all(type(amount_minor) is int for amount_minor in books.balances().values())


def test_a_block_that_fails_leaves_nothing(books: Books) -> None:
    """Entries, accounts, facts, claims and numbers: all as before."""
    post(books, entry("a"))
    with failing(books):
        books.post(entry("b", 7))
        books.post(entry("c", 7, currency="JPY"))
        books.note("s", "k", {})
        books.claim("evt_1", {})
        assert books.number("invoice") == 1
    assert [one.cause for one in books.entries()] == ["a"]
    assert dict(books.balances()) == {("cash:stripe", "EUR"): 500, ("driver:d-1", "EUR"): -500}
    assert not list(books.facts())
    with books.atomic():
        assert books.claim("evt_1", {})
        assert books.number("invoice") == 1
        assert books.post(entry("b", 8))


def test_an_inner_block_that_fails_is_undone_alone(books: Books) -> None:
    """Whoever catches what it raised goes on, and the outer block is kept."""
    with books.atomic():
        books.post(entry("a"))
        assert books.number("invoice") == 1
        with failing(books):
            books.post(entry("b"))
            books.note("s", "k", {})
            books.claim("evt_1", {})
            assert books.number("invoice") == 2
        with books.atomic():
            books.post(entry("c"))
            assert books.number("invoice") == 2
        assert books.claim("evt_1", {})
    assert [one.cause for one in books.entries()] == ["a", "c"]
    assert not list(books.facts())
    assert books.balance("cash:stripe", "EUR") == 1000


def test_an_outer_block_that_fails_takes_the_inner_ones_along(books: Books) -> None:
    """Nested blocks join the outermost."""
    with failing(books), books.atomic():
        books.post(entry("a"))
        books.number("invoice")
    assert not list(books.entries())
    with books.atomic():
        assert books.number("invoice") == 1


def test_a_block_reads_what_it_has_written(books: Books) -> None:
    """Behind what was there before."""
    with books.atomic():
        books.post(entry("a"))
        books.note("s", "k", {"n": 1})
    with books.atomic():
        books.post(entry("b", 7))
        books.note("s", "k", {"n": 2})
        assert [one.cause for one in books.entries()] == ["a", "b"]
        assert books.entry("b") == entry("b", 7)
        assert [(fact.number, fact.body) for fact in books.facts()] == [(1, {"n": 1}), (2, {"n": 2})]
        assert books.balance("cash:stripe", "EUR") == 507
        assert books.balances()["driver:d-1", "EUR"] == -507


def test_facts_are_told_in_order(books: Books) -> None:
    """Numbered from 1, with their stream, kind and body."""
    body = {"text": "Zürich €", "list": [1, None, 2.5], "deep": {"a": True}}
    with books.atomic():
        books.note("payment/p-1", "asked", body)
        books.note("payment/p-2", "asked", {})
    told = [(fact.number, fact.stream, fact.kind, fact.body) for fact in books.facts()]
    assert told == [(1, "payment/p-1", "asked", body), (2, "payment/p-2", "asked", {})]


def test_a_fact_is_json(books: Books) -> None:
    """An object is refused, and the block goes on without it."""
    with books.atomic():
        with pytest.raises(TypeError):
            books.note("s", "k", {"x": object()})
        books.note("s", "k", {"x": 1})
    assert [fact.body for fact in books.facts()] == [{"x": 1}]


def test_an_event_is_claimed_once(books: Books) -> None:
    """In the same block and in later ones."""
    with books.atomic():
        assert books.claim("evt_1", {"type": "charge.refunded"})
        assert not books.claim("evt_1", {"type": "charge.refunded"})
    with books.atomic():
        assert not books.claim("evt_1", {})
        assert books.claim("evt_2", {})


def test_numbers_of_a_series_follow_each_other(books: Books) -> None:
    """Every series counts for itself."""
    drawn = []
    for _ in range(3):
        with books.atomic():
            drawn += [books.number("invoice"), books.number("invoice"), books.number("credit")]
    assert drawn == [1, 2, 1, 3, 4, 2, 5, 6, 3]


@pytest.mark.parametrize("write", ["post", "note", "claim", "number", "replay"])
def test_nothing_is_written_outside_of_a_block(books: Books, write: str) -> None:
    """A defect of whoever calls."""
    post(books, entry("there"))
    calls = {
        "post": lambda: books.post(entry()),
        "replay": lambda: books.post(entry("there")),
        "note": lambda: books.note("s", "k", {}),
        "claim": lambda: books.claim("e", {}),
        "number": lambda: books.number("n"),
    }
    with pytest.raises(RuntimeError, match="written within `atomic` only"):
        calls[write]()


def test_a_pseudonym_is_a_tokens_until_it_is_forgotten(books: MemoryBooks | SqlBooks) -> None:
    """The books keep the pseudonym; nobody can tell any more, nor calculate again, whose it was."""
    persons = books.persons
    anna, bert = persons.pseudonym("04A1B2C3", 0.0), persons.pseudonym("04D4E5F6", 0.0)
    assert anna != bert
    assert "04A1B2C3" not in anna
    assert persons.pseudonym("04A1B2C3", 100_000.0) == anna
    assert (persons.token(anna), persons.token("d-nobody")) == ("04A1B2C3", None)
    assert (persons.forget(anna), persons.forget(anna)) == (True, False)
    assert persons.token(anna) is None
    assert persons.token(bert) == "04D4E5F6"
    assert persons.pseudonym("04D4E5F6", 0.0) == bert
    assert persons.pseudonym("04A1B2C3", 0.0) != anna


def test_who_is_not_seen_for_long_is_forgotten(books: MemoryBooks | SqlBooks) -> None:
    """By whole days, never early: who was seen at noon of the first day may stay until that day ends."""
    persons = books.persons
    with books.atomic():
        old, both, new = (persons.pseudonym(token, 43_200.0) for token in ("a", "b", "c"))
        persons.pseudonym("b", 200_000.0)
        persons.pseudonym("c", 200_000.0)
        persons.pseudonym("c", 100.0)
    assert persons.forget_before(86_400.0) == 0
    assert persons.forget_before(86_401.0) == 1
    assert [persons.token(who) for who in (old, both, new)] == [None, "b", "c"]
    assert persons.forget_before(1e9) == 2


_causes = st.sampled_from([f"c-{k}" for k in range(6)])
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("post"), _causes, st.integers(1, 3)),
        st.tuples(st.just("number"), st.sampled_from("xy")),
        st.tuples(st.just("note"), st.integers()),
        st.tuples(st.just("claim"), _causes),
        st.tuples(st.sampled_from(["begin", "end", "fail"])),
    ),
    max_size=40,
)


def _play(books: Books, steps: list[tuple[Any, ...]]) -> list[object]:
    """Do steps in blocks that nest as they say; what every call answered."""
    said: list[object] = []
    rest = iter(steps)

    def block(depth: int) -> None:
        for step in rest:
            match step:
                case ("begin",) if depth < 3:
                    try:
                        with books.atomic():
                            block(depth + 1)
                    except _Fail:
                        said.append("failed")
                case ("end",) if depth:
                    return
                case ("fail",) if depth:
                    raise _Fail
                case ("post", cause, amount_minor) if depth:
                    try:
                        said.append(books.post(entry(cause, amount_minor)))
                    except AuditError as error:
                        said.append(str(error))
                case ("number", series) if depth:
                    said.append(books.number(series))
                case ("note", n) if depth:
                    books.note("s", "k", {"n": n % 1000})
                case ("claim", event) if depth:
                    said.append(books.claim(event, {}))

    block(0)
    return [*said, list(books.entries()), list(books.facts()), dict(books.balances())]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(steps=_steps)
def test_a_database_answers_as_memory_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    """Whatever is posted, drawn and undone, in blocks within blocks."""
    path = tmp_path_factory.mktemp("books") / "books.db"
    made = SqlBooks(f"sqlite:///{path}")
    told = _play(made, steps)
    assert told == _play(MemoryBooks(), steps)
    made.close()
    again = SqlBooks(f"sqlite:///{path}")
    assert [list(again.entries()), list(again.facts()), dict(again.balances())] == told[-3:]
    again.close()
