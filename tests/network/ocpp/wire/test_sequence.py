"""The page of a trace."""

from __future__ import annotations

from html.parser import HTMLParser

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Record
from twin.network.ocpp.wire.sequence import page
from twin.network.ocpp.wire.trace import Reading

EPOCH_NS = 1_767_225_600 * 1_000_000_000


def record(t_s: float, frame: str, *, outbound: bool = False, fault: str = "") -> Record:
    return Record(t_s, "CP1", Version.V16, outbound, frame, fault)


RECORDS = [
    record(0.0, '[2,"1","BootNotification",{"chargePointVendor":"<b>"}]'),
    record(0.012, '[3,"1",{"status":"Accepted"}]', outbound=True),
    record(1.0, '[2,"7","Reset",{"type":"Soft"}]', outbound=True),
    record(1.5, '[4,"7","NotSupported","no",{}]'),
    record(2.0, "<script>", fault="not-json"),
]


def test_answers_name_their_call_and_how_long_it_took() -> None:
    """12 ms from the boot to its answer; half a second to the refusal."""
    text = page(Reading(EPOCH_NS, True, tuple(RECORDS)), title="Trace of CP1")
    assert "BootNotification answered: Accepted (12 ms)" in text
    assert "Reset failed: NotSupported (500 ms)" in text
    assert "00:00:01.500" in text


def test_arrows_point_from_station_to_central_system() -> None:
    """Whichever side traced."""
    text = page(Reading(EPOCH_NS, True, tuple(RECORDS[:1])), title="t")
    assert '<li class="up call">' in text
    assert '<li class="down call">' in page(Reading(EPOCH_NS, False, tuple(RECORDS[:1])), title="t")


def test_nothing_of_a_frame_becomes_markup_and_nothing_is_fetched() -> None:
    """A page of a hostile trace is as harmless as any other."""
    text = page(Reading(EPOCH_NS, True, tuple(RECORDS)), title="<i>")
    assert "<script" not in text
    assert "<i>" not in text
    assert "&lt;script&gt;" in text
    assert not any(word in text for word in ("http:", "https:", "src=", "url("))


def test_the_page_is_well_formed() -> None:
    """Every element that is opened is closed."""
    stack: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                stack.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert stack.pop() == tag

    Checker().feed(page(Reading(EPOCH_NS, True, tuple(RECORDS)), title="t"))
    assert stack == []
