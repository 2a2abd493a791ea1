"""Random tariffs and sessions whose switches fall on whole seconds."""

from datetime import date, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.money.billing.cases import ENERGY, FLAT, PARKING, TIME, ms
from twin.money.billing.model import (
    Component,
    Doing,
    Element,
    Measured,
    Period,
    PriceBound,
    Reservation,
    Reserved,
    Restrictions,
    Step,
    Tariff,
    Tax,
)

PLACES = (
    ("Europe/Berlin", "2026-01-14T23:40"),
    ("Europe/Berlin", "2026-03-29T01:40"),
    ("Europe/Berlin", "2026-10-25T02:40"),
    ("Australia/Lord_Howe", "2026-04-05T01:25"),
    ("Australia/Lord_Howe", "2026-10-04T01:40"),
)
"""A plain midnight, and both changes of the clock: by an hour, and by half an hour."""
PRICES = st.sampled_from(["0", "0.1", "0.25", "0.333", "1.2", "7", "-0.05"]).map(Decimal)
TAXES = st.sampled_from(
    [
        (),
        (Tax("VAT", Decimal(19)),),
        (Tax("VAT", Decimal("5.2")), Tax("city", Decimal(2), 1)),
        (Tax("VAT", Decimal(10)), Tax("levy", Decimal(3))),
    ]
)
TENS = st.integers(0, 120).map(lambda n: 10 * n)


@st.composite
def components(draw, start_ms: int) -> Component:
    """A price, at times one that changes every quarter of an hour."""
    steps = ()
    if draw(st.integers(0, 4)) == 0:
        first_s = draw(TENS)
        steps = tuple(Step(start_ms + (first_s + 300 * k) * 1000, draw(PRICES)) for k in range(3))
    return Component(
        draw(st.sampled_from([ENERGY, TIME, PARKING, FLAT])),
        draw(PRICES),
        draw(TAXES),
        draw(st.sampled_from([0, 1, 7, 60, 500])),
        steps,
    )


def clocks(civil: str) -> st.SearchStrategy[time]:
    """Times of day around the start."""
    hour, minute = int(civil[11:13]), int(civil[14:16])
    near = st.integers(-40, 70).map(lambda n: (60 * hour + minute + n) % 1440)
    return near.map(lambda n: time(n // 60, n % 60))


@st.composite
def restrictions(draw, civil: str, reservation: Reservation | None) -> Restrictions:
    """A few restrictions of every kind."""
    day = date.fromisoformat(civil[:10])
    kinds = {
        "start_time": clocks(civil),
        "end_time": clocks(civil) | st.just(time(0)),
        "start_date": st.integers(-1, 1).map(lambda n: day + timedelta(days=n)),
        "end_date": st.integers(0, 2).map(lambda n: day + timedelta(days=n)),
        "days": st.sets(st.sampled_from([day.weekday(), (day.weekday() + 1) % 7])).map(frozenset),
        "min_energy_wh": TENS.map(Decimal),
        "max_energy_wh": TENS.map(Decimal),
        "min_duration_s": TENS,
        "max_duration_s": TENS,
        "min_charging_s": TENS,
        "max_charging_s": TENS,
        "min_idle_s": TENS,
        "max_idle_s": TENS,
        "min_power_w": st.sampled_from([1, 3600, 5000, 7200]).map(Decimal),
        "max_power_w": st.sampled_from([1, 3600, 5000, 7200]).map(Decimal),
        "min_current_a": st.sampled_from([6, 16, 32]).map(Decimal),
        "max_current_a": st.sampled_from([6, 16, 32]).map(Decimal),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), max_size=3, unique=True))
    return Restrictions(reservation=reservation, **{name: draw(kinds[name]) for name in chosen})


@st.composite
def tariffs(draw, civil: str, start_ms: int) -> Tariff:
    """Up to five elements in any order."""
    elements = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from([None, None, None, Reservation.USED]))
        prices = draw(st.lists(components(start_ms), min_size=1, max_size=3))
        elements.append(Element(components=tuple(prices), restrictions=draw(restrictions(civil, kind))))
    least, most = draw(
        st.sampled_from(
            [
                (PriceBound(), PriceBound()),
                (PriceBound(Decimal("0.5"), Decimal("0.6")), PriceBound(Decimal(2), Decimal("2.1"))),
            ]
        )
    )
    return Tariff(
        id="random",
        currency="EUR",
        elements=tuple(elements),
        tax_included=draw(st.booleans()),
        min_price=least,
        max_price=most,
        flat_without_energy=draw(st.booleans()),
    )


@st.composite
def sessions(draw, start_ms: int) -> Measured:
    """Up to five periods of multiples of 10 s at 0, 3.6, 7.2 or 18 kW: 0, 1, 2 or 5 Wh in every second."""
    periods = []
    at_ms = start_ms
    for _ in range(draw(st.integers(1, 5))):
        lasts_s = 10 * draw(st.integers(1, 90))
        rate = draw(st.sampled_from([0, 1, 2, 5]))
        current = draw(st.sampled_from([None, Decimal(6), Decimal(20), Decimal(48)]))
        power = draw(st.sampled_from([None, None, Decimal(5000)]))
        periods.append(Period(at_ms, rate * lasts_s, draw(st.sampled_from(Doing)), power, current))
        at_ms += lasts_s * 1000
    reserved = None
    if draw(st.booleans()):
        reserved = Reserved(start_ms - draw(st.integers(1, 20)) * 60_000, start_ms, used=True)
    return Measured(periods=tuple(periods), end_ms=at_ms, reserved=reserved)


@st.composite
def cases(draw) -> tuple[Tariff, Measured, str]:
    """A tariff, a session and the zone of their location."""
    zone, civil = draw(st.sampled_from(PLACES))
    start_ms = ms(civil, zone)
    return draw(tariffs(civil, start_ms)), draw(sessions(start_ms)), zone
