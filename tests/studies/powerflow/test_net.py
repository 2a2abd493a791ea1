"""Which net a planner means."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.errors import ScenarioError
from twin.grid.nets import NetSource
from twin.studies.powerflow.net import open_net, resolve_net


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("1-LV-rural2--0-sw", NetSource("simbench", "1-LV-rural2--0-sw")),
        ("simbench:1-LV-rural2--0-sw", NetSource("simbench", "1-LV-rural2--0-sw")),
        ("create_kerber_dorfnetz", NetSource("builtin", "create_kerber_dorfnetz")),
        ("kerber_dorfnetz", NetSource("builtin", "create_kerber_dorfnetz")),
        ("builtin:mv_oberrhein", NetSource("builtin", "mv_oberrhein")),
        ("line.json", NetSource("file", "line.json")),
        ("file:line.json", NetSource("file", "line.json")),
        ("./line.json", NetSource("file", "./line.json")),
    ],
)
def test_a_name_is_understood_as_it_is_written(place: Path, name: str, source: NetSource) -> None:
    """With and without a prefix, `create_` or a folder."""
    assert resolve_net(name) == source


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("1-LV-rural2--0-xw", "`1-LV-rural2--0-xw` is no SimBench code, .* did you mean `1-LV-rural2--0-sw`"),
        ("kerber_dorfnets", "did you mean `create_kerber_dorfnetz`"),
        ("simbench:1-LV-rural2", "SimBench has no net `1-LV-rural2`, did you mean"),
        ("builtin:oberrhein", "pandapower has no net `oberrhein`, did you mean `mv_oberrhein`"),
        ("file:lines.json", "lines.json does not exist, did you mean `line.json`"),
        ("nowhere/line.json", "nowhere/line.json does not exist$"),
        ("file:line.csv", r"line.csv is neither a pandapower JSON \(.json\) nor an Excel file"),
        ("zzz", r"^net: `zzz` is no SimBench code, no net of pandapower and no file \(.json, .xlsx\)$"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_comes_near(place: Path, name: str, said: str) -> None:
    """One sentence, that begins with `net:`."""
    with pytest.raises(ScenarioError, match=said) as raised:
        resolve_net(name)
    assert str(raised.value).startswith("net: ")


def test_a_file_that_holds_no_net_is_refused_by_its_name(place: Path) -> None:
    """The remedy is how such a file is written, the place is the option's."""
    (place / "broken.json").write_text('{"a": 1}')
    with pytest.raises(
        ScenarioError, match=r"^net: broken.json holds no pandapower net: expected what `pp.to_json` writes"
    ):
        open_net("broken.json")
