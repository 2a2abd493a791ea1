"""Device model of 2.x: variables, and which of them a report holds."""

import pytest

from twin.network.virtual.parts.device_model import get_variable, report_of, set_variable
from twin.network.virtual.parts.inventory import ITEMS_PER_PART, base, chosen, parts
from twin.network.virtual.variables import Access, Kind, Variable, Variables

INTERVAL = Variable(
    component="OCPPCommCtrlr", variable="HeartbeatInterval", kind=Kind.INTEGER, default="300", unit="s", low=1
)
STATE = Variable(
    component="EVSE", variable="AvailabilityState", evse=1, access=Access.READ, default="Available"
)
POWER = Variable(component="EVSE", variable="Power", evse=1, access=Access.READ, default="0")
POWER_2 = Variable(component="EVSE", variable="Power", evse=2, access=Access.READ, default="0")
BROKEN = Variable(
    component="EVSE", variable="Problem", evse=2, kind=Kind.FLAG, access=Access.READ, default="true"
)
OFF = Variable(component="LocalAuthListCtrlr", variable="Enabled", kind=Kind.FLAG, default="false")
OTHER = Variable(component="LocalAuthListCtrlr", variable="Entries", access=Access.READ, default="0")
SECRET = Variable(component="SecurityCtrlr", variable="BasicAuthPassword", access=Access.WRITE)
ALL = (INTERVAL, STATE, POWER, POWER_2, BROKEN, OFF, OTHER, SECRET)


@pytest.fixture
def variables():
    made = Variables()
    for variable in ALL:
        made.define(variable)
    return made


def item(component, variable, **more):
    return {"component": {"name": component}, "variable": {"name": variable}, **more}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (item("OCPPCommCtrlr", "HeartbeatInterval"), "Accepted"),
        (item("ocppcommctrlr", "HEARTBEATINTERVAL"), "Accepted"),
        (item("OCPPCommCtrlr", "Nothing"), "UnknownVariable"),
        (item("Nothing", "HeartbeatInterval"), "UnknownComponent"),
        (item("OCPPCommCtrlr", "HeartbeatInterval", attributeType="Target"), "NotSupportedAttributeType"),
        (item("SecurityCtrlr", "BasicAuthPassword"), "Rejected"),
    ],
)
def test_reading(variables, asked, status):
    """Each way to be wrong has its own status; a password cannot be read."""
    assert get_variable(variables, asked)["attributeStatus"] == status


def test_a_value_is_read_with_its_address(variables):
    """The answer repeats component, EVSE and variable."""
    asked = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
    assert get_variable(variables, asked) == {
        "attributeStatus": "Accepted", "attributeValue": "Available", **asked
    }  # fmt: skip


@pytest.mark.parametrize(
    ("component", "variable", "value", "status"),
    [
        ("OCPPCommCtrlr", "HeartbeatInterval", "60", "Accepted"),
        ("OCPPCommCtrlr", "HeartbeatInterval", "0", "Rejected"),
        ("OCPPCommCtrlr", "HeartbeatInterval", "often", "Rejected"),
        ("LocalAuthListCtrlr", "Entries", "5", "Rejected"),
        ("LocalAuthListCtrlr", "Nothing", "5", "UnknownVariable"),
        ("SecurityCtrlr", "BasicAuthPassword", "0123456789abcdef", "Accepted"),
    ],
)
def test_writing(variables, component, variable, value, status):
    """A good value is taken; out of range, of another type or read only is rejected."""
    asked = item(component, variable, attributeValue=value)
    assert set_variable(variables, asked, {})["attributeStatus"] == status


def test_what_was_written_is_read(variables):
    """60 is read back after it was accepted."""
    set_variable(variables, item("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="60"), {})
    assert get_variable(variables, item("OCPPCommCtrlr", "HeartbeatInterval"))["attributeValue"] == "60"


def test_the_three_inventories(variables):
    """Full holds all, Configuration what can be set, Summary the states of things."""
    assert base(variables, "FullInventory") == list(ALL)
    assert base(variables, "ConfigurationInventory") == [INTERVAL, OFF, SECRET]
    assert base(variables, "SummaryInventory") == [STATE, BROKEN, OFF]
    assert base(variables, "Everything") is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"componentVariable": [{"component": {"name": "EVSE"}}]}, (STATE, POWER, POWER_2, BROKEN)),
        ({"componentVariable": [item("EVSE", "Power")]}, (POWER, POWER_2)),
        (
            {"componentVariable": [{"component": {"name": "EVSE", "evse": {"id": 2}}, "variable": {"name": "Power"}}]},
            (POWER_2,),
        ),
        ({"componentCriteria": ["Problem"]}, (POWER_2, BROKEN)),
        ({"componentCriteria": ["Enabled"]}, (INTERVAL, STATE, POWER, POWER_2, BROKEN, SECRET)),
        ({"componentCriteria": ["Problem"], "componentVariable": [item("EVSE", "Power")]}, (POWER_2,)),
        ({"componentVariable": [item("Nothing", "Power")]}, ()),
    ],
    ids=["component", "all EVSEs", "one EVSE", "problems", "enabled", "both", "nothing"],
)  # fmt: skip
def test_reports_hold_what_was_chosen(variables, asked, found):
    """Components and criteria narrow down; what is not said matches all."""
    assert tuple(chosen(variables, asked)) == found


def test_a_report_tells_what_a_variable_may_be(variables):
    """Value, mutability, type, unit and limits of the heartbeat interval."""
    assert report_of(variables, INTERVAL) == {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "HeartbeatInterval"},
        "variableAttribute": [
            {"type": "Actual", "mutability": "ReadWrite", "persistent": True, "constant": False, "value": "300"}
        ],
        "variableCharacteristics": {
            "dataType": "integer", "supportsMonitoring": False, "unit": "s", "minLimit": 1
        },
    }  # fmt: skip


def test_a_report_is_cut_into_numbered_parts():
    """60 variables are three messages of 25, 25 and 10; only the last says that nothing follows."""
    many = Variables()
    for number in range(60):
        many.define(Variable(component="C", variable=f"V{number}"))
    made = list(parts(many, list(many), 9, "2026-01-01T00:00:00.000Z"))
    assert [(p["seqNo"], p["tbc"], len(p["reportData"])) for p in made] == [
        (0, True, ITEMS_PER_PART), (1, True, ITEMS_PER_PART), (2, False, 10)
    ]  # fmt: skip
