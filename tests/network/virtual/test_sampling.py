"""Meter values of a virtual station: what, how often, in which words."""

from __future__ import annotations

import pytest

from twin.network.ocpp.versions import Version
from twin.network.virtual.sampling import next_aligned_s

V16, V201, V21 = Version.V16, Version.V201, Version.V21
ALL = pytest.mark.parametrize("version", list(Version))
EVERYTHING = (
    "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Current.Offered,Power.Offered,"
    "SoC,Frequency,Power.Active.Import.L2"
)


def samples(bench):
    """Each periodic or clock sample as (instant, context, {(measurand, phase): value})."""
    if bench.version.two:
        sources = [*bench.csms.told("MeterValues"), *bench.csms.told("TransactionEvent")]
    else:
        sources = bench.csms.told("MeterValues")
    out = []
    for payload in sources:
        for entry in payload.get("meterValue", []):
            values = entry["sampledValue"]
            context = values[0]["context"]
            if context.startswith("Sample"):
                told = {(v["measurand"], v.get("phase", "")): float(v["value"]) for v in values}
                out.append((entry["timestamp"][11:19], context, told))
    return sorted(out, key=lambda sample: sample[0])


@ALL
def test_every_measurand_of_a_car_on_two_of_three_phases(make, version):
    """7,360 W on two phases of 230 V: 16 A on L1 and L2, none on L3, 122 Wh after a minute."""
    values = {"MeterValuesSampledData": EVERYTHING}
    bench = make(version, values=values, tells_soc=True).start()
    vehicle = make.replace(make.car().vehicle, ac_phases=2, ac_max_w=7_360.0)
    bench.plug(vehicle=vehicle)
    bench.present()
    bench.until(61.0)
    at, context, told = samples(bench)[0]
    assert (at, context) == ("00:01:00", "Sample.Periodic")
    assert told == {
        ("Energy.Active.Import.Register", ""): 122.0,
        ("Power.Active.Import", ""): 7_360.0,
        ("Current.Import", "L1"): 16.0,
        ("Current.Import", "L2"): 16.0,
        ("Current.Import", "L3"): 0.0,
        ("Voltage", "L1-N"): 230.0,
        ("Voltage", "L2-N"): 230.0,
        ("Voltage", "L3-N"): 230.0,
        ("Current.Offered", ""): 16.0,
        ("Power.Offered", ""): 7_360.0,
        ("SoC", ""): 0.2,  # 122.67 of 60,000 Wh
        ("Frequency", ""): 50.0,
        ("Power.Active.Import", "L2"): 3_680.0,
    }


@ALL
def test_soc_is_told_only_where_the_car_tells_it(make, version):
    """Without ISO 15118 a station that is asked for SoC leaves it out."""
    bench = make(version, values={"MeterValuesSampledData": "SoC,Power.Active.Import"}).start()
    bench.charge()
    bench.until(61.0)
    assert samples(bench)[0][2] == {("Power.Active.Import", ""): 11_040.0}


def test_a_dc_output_has_no_phases(make):
    """50 kW at 400 V are 125 A, without a phase."""
    spec = make.evse(1, dc_max_w=50_000.0)
    bench = make(V201, specs=(spec,), values={"MeterValuesSampledData": "Current.Import,Voltage"}).start()
    bench.charge()
    bench.until(61.0)
    assert samples(bench)[0][2] == {("Current.Import", ""): 125.0, ("Voltage", ""): 400.0}


def test_words_of_16_and_of_2(make):
    """1.6 writes text and a unit, 2.x a number and a unitOfMeasure."""
    bench = make(V16).start()
    bench.charge()
    bench.until(61.0)
    assert bench.csms.told("MeterValues")[0] == {
        "connectorId": 1,
        "transactionId": 1,
        "meterValue": [
            {
                "timestamp": "2026-01-01T00:01:00.000Z",
                "sampledValue": [
                    {"value": "184", "context": "Sample.Periodic", "location": "Outlet", "unit": "Wh",
                     "measurand": "Energy.Active.Import.Register"},
                    {"value": "11040.0", "context": "Sample.Periodic", "location": "Outlet", "unit": "W",
                     "measurand": "Power.Active.Import"},
                ],
            }
        ],
    }  # fmt: skip
    bench = make(V201).start()
    bench.charge()
    bench.until(61.0)
    value = bench.csms.told("TransactionEvent")[1]["meterValue"][0]["sampledValue"][1]
    assert value == {
        "value": 11_040.0, "context": "Sample.Periodic", "location": "Outlet", "unitOfMeasure": {"unit": "W"},
        "measurand": "Power.Active.Import",
    }  # fmt: skip


@ALL
def test_samples_come_at_multiples_of_the_interval(make, version):
    """Every 10 s from the start at 3 s, for an hour: 360 samples, the last at 3,603 s."""
    bench = make(version, values={"MeterValueSampleInterval": "10"}).start()
    bench.until(3.0)
    bench.charge()
    bench.until(3_603.5)
    found = samples(bench)
    assert len(found) == 360
    assert (found[0][0], found[-1][0]) == ("00:00:13", "01:00:03")


@ALL
def test_clock_aligned_values_come_from_midnight(make, version):
    """Every 900 s of the civil day, with and without a transaction, whatever the start of the run."""
    bench = make(version, values={"ClockAlignedDataInterval": "900", "MeterValueSampleInterval": "0"}).start()
    bench.until(1_000.0)
    bench.charge()
    bench.until(2_750.0)
    found = samples(bench)
    assert [(at, context) for at, context, _ in found] == [
        ("00:15:00", "Sample.Clock"), ("00:30:00", "Sample.Clock"), ("00:45:00", "Sample.Clock"),
    ]  # fmt: skip
    registers = [told["Energy.Active.Import.Register", ""] for _, _, told in found]
    assert registers == [0.0, 2_453.0, 5_213.0]


@ALL
def test_a_new_interval_is_obeyed_at_once(make, version):
    """From 60 to 20 s, written at 70 s: samples at 60, 90, 110."""
    bench = make(version).start()
    bench.charge()
    bench.until(70.0)
    key = bench.station.variables.by_key("MeterValueSampleInterval")
    bench.step.do(lambda: bench.station.variables.write(key, "20"))
    bench.until(115.0)
    assert [at for at, _, _ in samples(bench)] == ["00:01:00", "00:01:30", "00:01:50"]


@ALL
def test_the_end_may_carry_the_whole_course(make, version):
    """TxEndedInterval 60: begin, two samples and the end stand in the last message."""
    bench = make(version, values={"SampledDataCtrlr.TxEndedInterval": "60"}).start()
    bench.charge()
    bench.until(130.0)
    bench.unplug()
    if version.two:
        entries = bench.csms.told("TransactionEvent")[-1]["meterValue"]
    else:
        entries = bench.csms.told("StopTransaction")[0]["transactionData"]
    contexts = [e["sampledValue"][0]["context"] for e in entries]
    assert contexts == ["Transaction.Begin", "Sample.Periodic", "Sample.Periodic", "Transaction.End"]


@pytest.mark.parametrize(
    ("own_s", "interval_s", "expected_s"),
    [
        (0.0, 900.0, 900.0),
        (899.9, 900.0, 900.0),
        (900.0, 900.0, 1_800.0),
        (86_399.0, 7_000.0, 86_400.0),  # counted anew each day
        (86_400.0, 7_000.0, 93_400.0),
    ],
)
def test_the_next_round_instant(own_s, interval_s, expected_s):
    """Whole intervals after midnight, never the present instant."""
    assert next_aligned_s(own_s, 1_767_225_600_000_000_000, interval_s) == expected_s


def test_round_instants_of_a_run_that_begins_at_noon():
    """Epoch 12:00:10: the next quarter of an hour is 890 s away."""
    assert next_aligned_s(0.0, (12 * 3_600 + 10) * 1_000_000_000, 900.0) == 890.0
