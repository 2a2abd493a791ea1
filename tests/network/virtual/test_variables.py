"""One store of settings under two dialects."""

from __future__ import annotations

import pytest

from twin.network.virtual import catalogue as c
from twin.network.virtual.settings import EvseSettings, StationSettings, core_variables
from twin.network.virtual.variables import Kind, Variable, Variables


def test_both_dialects_find_the_same_value():
    """What is written by a key of 1.6, in any case, is read by component and variable."""
    variables = Variables()
    core_variables(StationSettings(identity="a", evses=(EvseSettings(number=1, row=0),)), variables)
    key = variables.by_key("METERVALUESAMPLEINTERVAL")
    assert key is variables.by_name("SampledDataCtrlr.TxUpdatedInterval")
    assert variables.write(key, "15")
    assert variables.integer(c.SAMPLE_INTERVAL) == 15


def test_words_that_differ_are_translated():
    """ChargingScheduleAllowedChargingRateUnit says Current and Power where RateUnit says A and W."""
    assert c.RATE_UNIT.to16("A,W") == "Current,Power"
    assert c.RATE_UNIT.from16("Power, Current") == "W,A"


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        (c.SAMPLE_INTERVAL, "-1", "-1 is not within 0 to inf"),
        (c.SAMPLE_INTERVAL, "ten", "'ten' is no integer"),
        (c.STOP_ON_INVALID, "yes", "'yes' is neither true nor false"),
        (c.TX_START, "Never", "'Never' is none of"),
        (c.MASTER_PASS, "x" * 37, "37 characters, at most 36 fit"),
        (
            Variable(component="C", variable="V", kind=Kind.OPTION, values=("a", "b")),
            "c",
            "'c' is none of a, b",
        ),
        (
            Variable(component="C", variable="V", kind=Kind.SEQUENCE, high=1),
            "a,b",
            "2 members, at most 1 fit",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused(variable, text, words):
    """The message names the variable, the value and what was expected."""
    with pytest.raises(ValueError, match=f"{variable.name}: {words}".replace("[", r"\[").replace("]", r"\]")):
        variable.parse(text)


def test_what_needs_a_reboot_waits_for_it():
    """A value that takes effect at the next boot is read as before until then."""
    slow = Variable(component="C", variable="V", default="1", reboot=True)
    kept = {}
    variables = Variables(save=kept.__setitem__)
    variables.define(slow)
    assert variables.write(slow, "2") is False
    assert (variables.text(slow), kept) == ("1", {"C.V": "2"})
    variables.rebooted()
    assert variables.text(slow) == "2"


def test_saved_values_come_back_and_watchers_hear_writes():
    """What was saved wins over the default; a watcher is told of each write."""
    heard = []
    variables = Variables({"OCPPCommCtrlr.HeartbeatInterval": "7"})
    variables.define(c.HEARTBEAT)
    variables.watch(heard.append)
    assert variables.integer(c.HEARTBEAT) == 7
    variables.write(c.HEARTBEAT, "9")
    assert heard == [c.HEARTBEAT]
    with pytest.raises(ValueError, match="defined twice"):
        variables.define(c.HEARTBEAT)


def test_first_values_may_use_either_name():
    """Settings take keys of 1.6 and names of 2.x; a value that fits neither is refused."""
    evses = (EvseSettings(number=1, row=0),)
    variables = Variables()
    values = {"ConnectionTimeOut": "90", "TxCtrlr.TxStartPoint": "EVConnected"}
    core_variables(StationSettings(identity="a", evses=evses, values=values), variables)
    assert variables.integer(c.CONNECTION_TIMEOUT) == 90
    assert variables.names(c.TX_START) == ("EVConnected",)
    with pytest.raises(ValueError, match="'soon' is no integer"):
        core_variables(
            StationSettings(identity="a", evses=evses, values={"ConnectionTimeOut": "soon"}), Variables()
        )
