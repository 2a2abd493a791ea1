"""One name per quantity, all of them on one page."""

from pathlib import Path

from twin.results.nomenclature import nomenclature
from twin.results.quantities import SUMMARY
from twin.results.schema import TABLES, every_column

PAGE = Path(__file__).parents[2] / "docs" / "nomenclature.md"
UNITS = {
    "_s": {"s"}, "_w": {"W"}, "_wh": {"Wh"}, "_kw": {"kW"}, "_kwh": {"kWh", "currency/kWh"}, "_pu": {"pu"},
    "_pct": {"%"}, "_min": {"min"}, "_minutes": {"min"}, "_minor": {"minor units"}, "_cpu_s": {"1/s"},
    "_c": {"°C"}, "_h": {"h"},
}  # fmt: skip


def _listed():
    for key, quantity in SUMMARY.items():
        yield key, quantity.unit, quantity.doc
    for table in TABLES:
        for field in every_column(table):
            yield field.name, field.metadata[b"unit"].decode(), field.metadata[b"doc"].decode()


def test_the_page_is_what_the_code_says():
    """Written by `python -m twin.results.nomenclature > docs/nomenclature.md`."""
    assert PAGE.read_text(encoding="utf-8") == nomenclature()


def test_every_key_and_every_column_is_on_the_page_with_its_meaning():
    """A reader of a table finds every word of it."""
    page = PAGE.read_text(encoding="utf-8")
    for name, unit, doc in _listed():
        assert doc
        assert f"| `{name}` | {unit} | {doc} |" in page


def test_the_suffix_of_a_name_is_its_unit():
    """`_w` is never kilowatts."""
    for name, unit, _ in _listed():
        endings = [ending for ending in UNITS if name.endswith(ending)]
        if endings:
            assert unit in UNITS[max(endings, key=len)], name
