"""Display messages, customer information, cost messages, data transfer, tariffs, charging needs."""

import pytest

from twin.network.ocpp.versions import Version
from twin.network.virtual.parts import standard
from twin.network.virtual.parts.base import DriverTariff, Token
from twin.network.virtual.parts.costs import PRICING, Costs
from twin.network.virtual.parts.customer import Customer
from twin.network.virtual.parts.display import Display
from twin.network.virtual.parts.needs import Needs, notify
from twin.network.virtual.parts.tokens import KnownTokens


def fit(host, kind):
    standard.define(host)
    return kind(host)


def message(number, text="Hello", priority="NormalCycle", **more):
    return {"message": {
        "id": number, "priority": priority, "message": {"format": "UTF8", "content": text}, **more
    }}  # fmt: skip


def test_the_screen_shows_the_most_urgent_first(host):
    """InFront comes before NormalCycle; a message for charging is not shown while idle."""
    part = fit(host, Display)
    host.obey(part, "SetDisplayMessage", message(1, "Welcome"))
    host.obey(part, "SetDisplayMessage", message(2, "Maintenance", "InFront"))
    host.obey(part, "SetDisplayMessage", message(3, "Enjoy", state="Charging"))
    assert part.shown("Idle") == ["Maintenance", "Welcome"]
    assert part.shown("Charging") == ["Maintenance", "Welcome", "Enjoy"]


def test_a_message_ends_by_itself(host):
    """Shown from minute 1 until minute 2; a message that has ended already is rejected."""
    part = fit(host, Display)
    timed = {"startDateTime": "2026-01-01T00:01:00Z", "endDateTime": "2026-01-01T00:02:00Z"}
    host.obey(part, "SetDisplayMessage", message(1, **timed))
    seen = []
    for t_s in (59.0, 60.0, 120.0):
        host.clock.to(t_s)
        seen.append(part.shown("Idle"))
    assert seen == [[], ["Hello"], []]
    assert host.obey(part, "SetDisplayMessage", message(2, **timed))["status"] == "Rejected"


def test_messages_are_told_and_cleared(host):
    """Both are told under the request's id; a cleared one is unknown afterwards."""
    part = fit(host, Display)
    for number in (1, 2):
        host.obey(part, "SetDisplayMessage", message(number))
    assert host.obey(part, "GetDisplayMessages", {"requestId": 8})["status"] == "Accepted"
    [told] = host.told("NotifyDisplayMessages")
    assert ([m["id"] for m in told["messageInfo"]], told["requestId"]) == ([1, 2], 8)
    answers = [host.obey(part, "ClearDisplayMessage", {"id": 1})["status"] for _ in range(2)]
    assert answers == ["Accepted", "Unknown"]
    assert host.obey(part, "GetDisplayMessages", {"requestId": 9, "id": [1]})["status"] == "Unknown"


def test_a_format_that_is_not_shown_is_named(host):
    """HTML is not among SupportedFormats."""
    html = message(1)
    html["message"]["message"]["format"] = "HTML"
    assert host.obey(fit(host, Display), "SetDisplayMessage", html)["status"] == "NotSupportedMessageFormat"


def test_messages_of_a_transaction_go_with_it(host):
    """Shown to that transaction only, dropped at its end."""
    part = fit(host, Display)
    host.obey(part, "SetDisplayMessage", message(1, transactionId="t-1"))
    assert (part.shown("Charging", "t-1"), part.shown("Charging", "t-2")) == (["Hello"], [])
    part.ended("t-1")
    assert part.shown("Charging", "t-1") == []


def test_customer_information_is_told_and_forgotten(host):
    """What the cache knows is told once; after clearing nothing is known."""
    standard.define(host)
    tokens = KnownTokens(host)
    part = Customer(host, tokens)
    tokens.learnt(Token("A"), {"status": "Accepted"})
    asked = {"requestId": 1, "report": True, "clear": True, "idToken": {"idToken": "A", "type": "Central"}}
    host.obey(part, "CustomerInformation", asked)
    host.obey(part, "CustomerInformation", {**asked, "requestId": 2})
    assert [told["data"] for told in host.told("NotifyCustomerInformation")] == ["cache: A Accepted", ""]
    nothing = {"requestId": 3, "report": False, "clear": False}
    assert host.obey(part, "CustomerInformation", nothing)["status"] == "Invalid"


@pytest.mark.parametrize(
    ("vendor", "more", "status"),
    [
        ("nobody", {}, "UnknownVendorId"),
        (PRICING, {"messageId": "Nothing"}, "UnknownMessageId"),
        (PRICING, {"messageId": "RunningCost", "data": "nonsense"}, "Rejected"),
        (PRICING, {"messageId": "RunningCost", "data": '{"transactionId": 7, "cost": 2.5}'}, "Accepted"),
    ],
)
def test_data_transfer_of_16(host16, vendor, more, status):
    """Unknown vendors and messages have their own answers; a running cost is kept."""
    part = fit(host16, Costs)
    assert host16.obey(part, "DataTransfer", {"vendorId": vendor, **more})["status"] == status
    assert part.running == ({"7": 2.5} if status == "Accepted" else {})


def test_cost_updated_is_kept(host):
    """The last cost of a transaction is what the screen would show."""
    part = fit(host, Costs)
    for cost in (1.0, 1.5):
        host.obey(part, "CostUpdated", {"transactionId": "t-1", "totalCost": cost})
    assert part.running == {"t-1": 1.5}


TARIFF = {"tariffId": "night", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.2}]}}


def changed(host, part, **more):
    asked = {"transactionId": "t-1", "tariff": {**TARIFF, **more}}
    return host.obey(part, "ChangeTransactionTariff", asked)["status"]


def test_the_tariff_of_a_running_transaction_changes(make_host):
    """In the same currency, within 50 prices, for what runs."""
    host = make_host(Version.V21)
    part = fit(host, Costs)
    assert changed(host, part) == "TxNotFound"
    host.tariffs.brought["t-1"] = DriverTariff(1, "TAG", TARIFF)
    assert changed(host, part, currency="CHF") == "NoCurrencyChange"
    assert changed(host, part, energy={"prices": [{"priceKwh": 0.2}] * 51}) == "TooManyElements"
    assert host.tariffs.changed == []
    assert changed(host, part) == "Accepted"
    assert host.tariffs.changed == [("t-1", TARIFF)]


def test_the_tariffs_of_drivers_are_told(make_host):
    """Beside the default ones, with the driver's token."""
    host = make_host(Version.V21)
    part = fit(host, Costs)
    host.tariffs.brought["t-1"] = DriverTariff(1, "TAG", TARIFF)
    told = host.obey(part, "GetTariffs", {"evseId": 0})
    expected = {"tariffId": "night", "tariffKind": "DriverTariff", "evseIds": [1], "idTokens": ["TAG"]}
    assert told == {"status": "Accepted", "tariffAssignments": [expected]}
    assert host.obey(part, "GetTariffs", {"evseId": 2}) == {"status": "NoTariff"}


def test_default_tariffs_of_21(make_host):
    """One for all, one for EVSE 2: told by EVSE, cleared by id."""
    host = make_host(Version.V21)
    part = fit(host, Costs)
    tariffs = {evse: {"tariffId": name, "currency": "EUR"} for evse, name in ((0, "all"), (2, "two"))}
    for evse, tariff in tariffs.items():
        assert host.obey(part, "SetDefaultTariff", {"evseId": evse, "tariff": tariff})["status"] == "Accepted"
    twice = {"evseId": 1, "tariff": tariffs[2]}
    assert host.obey(part, "SetDefaultTariff", twice)["status"] == "DuplicateTariffId"
    told = host.obey(part, "GetTariffs", {"evseId": 0})["tariffAssignments"]
    assert [(t["tariffId"], t["evseIds"]) for t in told] == [("all", [1]), ("two", [2])]
    assert part.default(1)["tariffId"] == "all"
    cleared = host.obey(part, "ClearTariffs", {"tariffIds": ["two", "nothing"]})["clearTariffsResult"]
    assert [c["status"] for c in cleared] == ["Accepted", "NoTariff"]
    assert part.default(2)["tariffId"] == "all"


def test_needs_of_ac_and_dc_cars(host, host16):
    """Three phases at 16 A, and DC with a state of charge of 40 %; 1.6 is told nothing."""
    notify(host, 1, Needs(11_000.4, 3_600.0, 3, 6.0, 16.0))
    notify(host, 2, Needs(30_000.0, None, 0, 0.0, 125.0, 400.0, 0.4, 60_000.0))
    notify(host16, 1, Needs(1.0, None, 1, 6.0, 16.0))
    first, second = (told["chargingNeeds"] for told in host.told("NotifyEVChargingNeeds"))
    assert first["requestedEnergyTransfer"] == "AC_three_phase"
    assert first["departureTime"] == "2026-01-01T01:00:00.000Z"
    assert first["acChargingParameters"]["energyAmount"] == 11_000
    assert second["dcChargingParameters"]["stateOfCharge"] == 40
    assert second["dcChargingParameters"]["evMaxPower"] == 50_000
    assert host16.asked == []
