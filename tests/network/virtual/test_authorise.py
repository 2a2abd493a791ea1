"""Who may charge at a virtual station, and what its parts have to say about it."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version
from twin.network.virtual.parts.base import Fittings, Grant, Signed

V16, V201, V21 = Version.V16, Version.V201, Version.V21
ALL = pytest.mark.parametrize("version", list(Version))
TWO = pytest.mark.parametrize("version", [V201, V21])
YES, NO = Grant(True, "Accepted"), Grant(False, "Blocked")


class Known:
    """Tokens that a station knows."""

    def __init__(self, listed=(), cached=()):
        self.list, self.cache, self.heard = dict(listed), dict(cached), []

    def listed(self, token):
        return self.list.get(token.text)

    def cached(self, token):
        return self.cache.get(token.text)

    def learnt(self, token, info):
        self.heard.append((token.text, info["status"]))


class Kept:
    """One reservation, of EVSE 1."""

    def __init__(self, number, text):
        self.number, self.text = number, text

    def reserved(self, evse):
        return self.number is not None and evse == 1

    def admits(self, evse, token, group):
        return not self.reserved(evse) or token.text == self.text

    def used(self, evse, token, group):
        number, self.number = self.number, None
        return number


def fit(**parts):
    """Fit a station with these."""
    return lambda _host: Fittings(**parts)


@ALL
def test_local_pre_authorisation_asks_nobody_for_a_known_card(make, version):
    """LocalPreAuthorize: a listed card starts without Authorize; a blocked one is asked about all the same."""
    tokens = Known(listed={"A": YES}, cached={"B": NO})
    bench = make(version, fit=fit(tokens=tokens), values={"LocalPreAuthorize": "true"}).start()
    bench.charge("A")
    assert bench.csms.told("Authorize") == []
    bench.unplug()
    bench.charge("B")
    assert len(bench.csms.told("Authorize")) == 1
    assert ("B", "Accepted") in tokens.heard


@ALL
def test_the_list_comes_before_the_cache_offline(make, version):
    """Offline, a card that the list blocks starts nothing although the cache knows it."""
    tokens = Known(listed={"A": NO}, cached={"A": YES, "B": YES})
    bench = make(version, fit=fit(tokens=tokens)).start()
    bench.cut()
    bench.charge("A")
    bench.until(60.0)
    assert bench.register() == 0.0
    bench.present("B")
    bench.until(120.0)
    assert bench.register() == 184.0


@ALL
def test_local_authorisation_offline_may_be_off(make, version):
    """LocalAuthorizeOffline false: even a listed card starts nothing."""
    tokens = Known(listed={"A": YES})
    bench = make(version, fit=fit(tokens=tokens), values={"LocalAuthorizeOffline": "false"}).start()
    bench.cut()
    bench.charge("A")
    bench.until(60.0)
    assert bench.register() == 0.0


@ALL
def test_a_reserved_evse_serves_its_card_only(make, version):
    """Another card is turned away; the right one uses reservation 5 and tells its id."""
    bench = make(version, fit=fit(reservations=Kept(5, "MINE"))).start()
    bench.step.do(bench.station.status_changed)
    assert bench.statuses()[-1] == "Reserved"
    bench.charge("OTHER")
    assert bench.station.bays[1].transaction is None
    bench.present("MINE")
    started = bench.csms.told("TransactionEvent" if version.two else "StartTransaction")[0]
    assert started["reservationId"] == 5


@ALL
def test_nobody_has_to_identify_where_authorisation_is_off(make, version):
    """AuthCtrlr.Enabled false: plugging in is enough; a stop lasts until the cable was out."""
    bench = make(version, values={"AuthCtrlr.Enabled": "false"}).start()
    bench.plug()
    bench.until(60.0)
    assert bench.register() == 184.0
    bay = bench.station.bays[1]
    bench.step.do(lambda: bench.station.transactions.stop(bay, "Local", "StopAuthorized"))
    bench.until(120.0)
    assert bench.register() == 184.0
    if version.two:
        assert bench.csms.told("TransactionEvent")[0]["idToken"] == {"idToken": "", "type": "NoAuthorization"}


@TWO
def test_the_master_pass_stops_and_starts_nothing(make, version):
    """A card of MasterPassGroupId ends a stranger's transaction, and cannot begin one (2.0.1 C16)."""
    bench = make(version, values={"AuthCtrlr.MasterPassGroupId": "guards"}).start()
    master = {"status": "Accepted", "groupIdToken": {"idToken": "guards", "type": "Central"}}
    bench.csms.answers["Authorize"] = lambda p: {
        "idTokenInfo": master if p["idToken"]["idToken"] == "M" else {"status": "Accepted"}
    }
    bench.charge("A")
    bench.present("M")
    assert bench.csms.told("TransactionEvent")[-1]["transactionInfo"]["stoppedReason"] == "MasterPass"
    bench.unplug()
    bench.charge("M")
    assert bench.station.bays[1].transaction is None


@ALL
def test_a_late_answer_does_not_serve_the_next_driver(make, version):
    """A car that left while its card was asked about: the next car gets nothing by that answer."""
    bench = make(version).start()
    gate = bench.step.loop.create_future()
    bench.csms.answers["Authorize"] = lambda p: gate
    bench.charge("A")
    bench.unplug()
    bench.plug()
    key = "idTokenInfo" if version.two else "idTagInfo"
    bench.step.do(lambda: gate.set_result({key: {"status": "Accepted"}}))
    bench.until(60.0)
    assert bench.register() == 0.0


@TWO
def test_a_transaction_of_the_cable_begins_when_the_boot_is_accepted(make, version):
    """TxStartPoint EVConnected and a car that came while Pending: Started at the acceptance, 20 s later."""
    bench = make(version, values={"TxCtrlr.TxStartPoint": "EVConnected"})
    bench.csms.answers["BootNotification"] = lambda p: {
        "status": "Pending", "currentTime": bench.csms.now(), "interval": 20,
    }  # fmt: skip
    bench.start()
    bench.plug()
    bench.csms.answers.clear()
    bench.until(25.0)
    started = bench.csms.told("TransactionEvent")[0]
    assert started["timestamp"] == "2026-01-01T00:00:20.000Z"


@TWO
def test_a_second_driver_of_a_car_that_stayed(make, version):
    """TxStartPoint EVConnected: after a stop the cable begins nothing new, another card does."""
    bench = make(version, values={"TxCtrlr.TxStartPoint": "EVConnected"}).start()
    bench.charge("A")
    bench.present("A")
    assert [e[0] for e in bench.events()] == ["Started", "Updated", "Ended"]
    bench.until(10.0)
    bench.present("B")
    assert [e[:2] for e in bench.events()[3:]] == [("Started", "Authorized")]


@ALL
def test_who_waits_for_the_cable_is_forgotten_when_the_evse_goes_out_of_service(make, version):
    """An authorised driver, then Inoperative, then the cable: no energy without a transaction."""
    bench = make(version).start()
    bench.present()
    if version.two:
        bench.ask("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})
    else:
        bench.ask("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    bench.plug()
    bench.until(60.0)
    assert bench.register() == 0.0


class Pen:
    """Signs begin and end."""

    def sign(self, evse, transaction, token, t_s, register_wh, context):
        return Signed(f"{context}={register_wh:g}", "ECDSA", "OCMF", "key")


def test_signed_values_of_16_come_in_both_ways(make):
    """1.6: MeterValues straight after the start, and transactionData at the stop."""
    import base64
    import json

    bench = make(V16, fit=fit(signer=Pen())).start()
    bench.charge()
    bench.until(30.0)
    bench.unplug()
    begin = bench.csms.told("MeterValues")[0]["meterValue"][0]["sampledValue"][0]
    end = bench.csms.told("StopTransaction")[0]["transactionData"][-1]["sampledValue"][-1]
    texts = [json.loads(v["value"])["signedMeterData"] for v in (begin, end)]
    assert [base64.b64decode(t).decode() for t in texts] == ["Transaction.Begin=0", "Transaction.End=92"]
    assert begin["format"] == end["format"] == "SignedData"


@TWO
def test_signed_values_of_2_stand_beside_the_plain_ones(make, version):
    """2.x: signedMeterValue in Started and in Ended."""
    bench = make(version, fit=fit(signer=Pen())).start()
    bench.charge()
    bench.until(30.0)
    bench.unplug()
    events = bench.csms.told("TransactionEvent")
    signed = [
        v for e in (events[0], events[-1]) for m in e["meterValue"] for v in m["sampledValue"]
        if "signedMeterValue" in v
    ]  # fmt: skip
    assert [v["value"] for v in signed] == [0.0, 92.0]


def test_what_is_sent_may_be_rewritten_and_what_is_found_observed(make):
    """A rewrite has the last word on the wire, an observer hears states and powers, a wrap sees the table."""

    class Loud:
        def outgoing(self, action, payload):
            return payload | {"info": "loud"} if action == "StatusNotification" else payload

        def observe(self, evse, variable, text):
            seen.append((evse, variable, text))

    seen = []
    loud = Loud()
    only = {(V16, "Reset"): lambda p: {"status": "Rejected"}}
    bench = make(
        V16, fit=fit(rewrite=loud, observer=loud, wrap=lambda handlers: {**handlers, **only})
    ).start()
    bench.charge()
    bench.until(61.0)
    assert {p["info"] for p in bench.csms.told("StatusNotification")} == {"loud"}
    assert (1, "AvailabilityState", "Charging") in seen
    assert (1, "Power", "11040.0") in seen
    assert bench.ask("Reset", {"type": "Soft"}) == {"status": "Rejected"}


def test_a_second_connector_is_out_of_use_while_the_first_is_occupied(make):
    """2.x: an EVSE with two connectors shows Occupied and Unavailable while a car is there."""
    from twin.network.virtual.settings import EvseSettings

    evses = (EvseSettings(number=1, row=0, connectors=("cType2", "cCCS2")),)
    bench = make(V201, evses=evses).start()
    bench.plug()
    told = [(p["connectorId"], p["connectorStatus"]) for p in bench.csms.told("StatusNotification")]
    assert told == [(1, "Available"), (2, "Available"), (1, "Occupied"), (2, "Unavailable")]
