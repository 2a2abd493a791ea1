"""Quirks of models, one by one."""

import asyncio

import pytest

from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.link import Then
from twin.network.virtual.parts.quirks import QuirkPart, VendorQuirks

STAMP = "2026-01-01T00:00:00.000Z"


def profile16(purpose="TxProfile", limit=10.0, stack=0, kind="Relative", **more):
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1, "stackLevel": stack, "chargingProfilePurpose": purpose,
            "chargingProfileKind": kind, "chargingSchedule": schedule, **more,
        },
    }  # fmt: skip


class Station:
    """Handlers of a station that takes everything."""

    def __init__(self, host, **quirks):
        self.applied, self.stopped = [], []
        self.part = QuirkPart(host, VendorQuirks(**quirks))
        v16 = Version.V16
        self.handlers = self.part.wrap({
            (v16, "SetChargingProfile"): lambda p: self.applied.append(p) or {"status": "Accepted"},
            (v16, "RemoteStopTransaction"): lambda p: self.stopped.append(p) or {"status": "Accepted"},
            (v16, "RemoteStartTransaction"): lambda p: {"status": "Accepted"},
            (v16, "ChangeAvailability"): lambda p: {"status": "Accepted"},
            (v16, "GetConfiguration"): lambda p: {"configurationKey": [
                {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,SmartCharging"},
                {"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True, "value": "Current,Power"},
            ]},
            (v16, "GetCompositeSchedule"): lambda p: {
                "status": "Accepted", "chargingSchedule": {"chargingSchedulePeriod": [{"startPeriod": 0}]}
            },
        })  # fmt: skip

    def answer(self, action, payload):
        answer = self.handlers[Version.V16, action](payload)
        if isinstance(answer, Then):
            answer.after()
            return answer.payload
        return answer


@pytest.mark.parametrize(
    ("quirks", "asked", "status", "applied"),
    [
        ({}, profile16(), "Accepted", 1),
        ({"ignores_profiles": ("ChargePointMaxProfile",)}, profile16("ChargePointMaxProfile"), "Accepted", 0),
        ({"ignores_profiles": ("ChargePointMaxProfile",)}, profile16(), "Accepted", 1),
        ({"ignores_profiles": ("all",)}, profile16(), "Accepted", 0),
        ({"refuses_profiles": ("TxProfile",)}, profile16(), "Rejected", 0),
        ({"only_stack_level_zero": True}, profile16(stack=1), "Accepted", 0),
        ({"only_relative": True}, profile16(kind="Absolute"), "Accepted", 0),
        ({"only_relative": True}, profile16(), "Accepted", 1),
        ({"zero_refused": True}, profile16(limit=0.0), "Rejected", 0),
        ({"zero_refused": True}, profile16(limit=6.0), "Accepted", 1),
    ],
)
def test_profiles(host16, quirks, asked, status, applied):
    """Accepted and ignored, refused, or obeyed: as the model does."""
    station = Station(host16, **quirks)
    assert station.answer("SetChargingProfile", asked) == {"status": status}
    assert len(station.applied) == applied


def test_a_default_profile_waits_for_the_next_transaction(host16):
    """Accepted while charging, applied when the transaction has ended."""
    station = Station(host16, default_for_next=True)
    host16.running = True
    station.answer("SetChargingProfile", profile16("TxDefaultProfile"))
    assert station.applied == []
    host16.stop_charging()
    assert len(station.applied) == 1


def test_a_limit_of_zero_ends_the_transaction(host16):
    """0 A for transaction 7 stops it."""
    station = Station(host16, zero_ends=True)
    station.answer("SetChargingProfile", profile16(limit=0.0, transactionId=7))
    assert station.stopped == [{"transactionId": 7}]


def test_other_answers(host16):
    """Start with a profile, availability of 0, configuration by keys, feature list, unit, empty schedule."""
    station = Station(
        host16, no_profile_in_start=True, zero_availability_refused=True, keys_fail=True,
        hides_smart_charging=True, rate_unit="Power", empty_schedule=True,
    )  # fmt: skip
    assert (
        station.answer("RemoteStartTransaction", {"idTag": "A", "chargingProfile": {}})["status"]
        == "Rejected"
    )
    assert station.answer("RemoteStartTransaction", {"idTag": "A"})["status"] == "Accepted"
    assert station.answer("ChangeAvailability", {"connectorId": 0})["status"] == "Rejected"
    assert station.answer("ChangeAvailability", {"connectorId": 1})["status"] == "Accepted"
    assert station.answer("GetConfiguration", {"key": ["SupportedFeatureProfiles"]}) == {
        "configurationKey": []
    }
    values = [entry["value"] for entry in station.answer("GetConfiguration", {})["configurationKey"]]
    assert values == ["Core", "Power"]
    schedule = station.answer("GetCompositeSchedule", {})["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == []


def meter_values(value="5000", **sampled):
    return {
        "connectorId": 1, "transactionId": 7,
        "meterValue": [{"timestamp": STAMP, "sampledValue": [{"value": value, "unit": "Wh", **sampled}]}],
    }  # fmt: skip


def sent(host, action, payload, **quirks):
    return QuirkPart(host, VendorQuirks(**quirks)).outgoing(action, payload)


def sample_of(payload):
    return payload["meterValue"][0]["sampledValue"][0]


def test_a_register_of_the_session(host16):
    """Begun at 4,000 Wh, a register of 5,000 Wh is told as 1,000; the end's reading stays."""
    part = QuirkPart(host16, VendorQuirks(register="session"))
    part.outgoing("StartTransaction", {"connectorId": 1, "meterStart": 4_000, "timestamp": STAMP})
    assert sample_of(part.outgoing("MeterValues", meter_values()))["value"] == "1000"
    ended = part.outgoing("MeterValues", meter_values(context="Transaction.End"))
    assert sample_of(ended)["value"] == "5000"


def test_energies_in_the_wrong_unit_and_phase(host16):
    """5,000 Wh are told as 5 Wh of L1; labels may be missing altogether."""
    assert sample_of(sent(host16, "MeterValues", meter_values(), kwh_as_wh=True)) == {
        "value": "5",
        "unit": "Wh",
    }
    assert sample_of(sent(host16, "MeterValues", meter_values(), wrong_phase=True))["phase"] == "L1"
    assert sample_of(sent(host16, "MeterValues", meter_values(), bare_samples=True)) == {"value": "5000"}


def test_ids_and_stops(host16):
    """Transaction -1, a stop one Wh too low, an idTag with garbage behind it."""
    stop = {"transactionId": 7, "meterStop": 5_000, "timestamp": STAMP, "idTag": "A"}
    told = sent(host16, "StopTransaction", stop, transaction_id=-1, stop_below_start=True, garbled_tag=True)
    assert (told["transactionId"], told["meterStop"]) == (-1, 4_999)
    assert len(told["idTag"]) > 20
    assert stop["transactionId"] == 7


def test_times_and_texts(host16):
    """Local time without offset, the year 2222, a long serial number, an error code of its own."""
    stamped = {"connectorId": 1, "timestamp": STAMP, "errorCode": "NoError"}
    assert sent(host16, "StatusNotification", stamped, local_time=True)["timestamp"] == STAMP[:-1]
    assert sent(host16, "StatusNotification", stamped, year_2222=True)["timestamp"].startswith("2222-01-01")
    assert sent(host16, "StatusNotification", stamped, odd_error=True)["errorCode"] == "Error"
    boot = {"chargePointModel": "m", "chargePointVendor": "v"}
    assert len(sent(host16, "BootNotification", boot, long_serial=True)["chargeBoxSerialNumber"]) == 30


def test_unknown_quirks_are_named():
    """A typing mistake is told with what is known."""
    with pytest.raises(ValueError, match="zero_ends"):
        VendorQuirks.read({"zero_end": True})


def test_a_mute_action_is_never_answered(host16):
    """The future stays open; other actions are answered."""
    station = Station(host16, mute=("RemoteStartTransaction",))

    async def ask():
        return station.answer("RemoteStartTransaction", {"idTag": "A"}).done()

    assert asyncio.run(ask()) is False
    assert station.answer("ChangeAvailability", {"connectorId": 1}) == {"status": "Accepted"}
