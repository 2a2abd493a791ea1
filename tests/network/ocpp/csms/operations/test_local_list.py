"""Local lists: versions that never come twice, cuts, and lists in doubt."""

from __future__ import annotations

from typing import Any

import pytest

from twin.network.ocpp.csms.operations.local_list import ListEntry, LocalLists
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire.errors import CallTimedOut

YES = {"status": "Accepted"}
ANNA, BERT = ListEntry("ANNA", group="FAMILY"), ListEntry("BERT", status="Blocked")


def test_a_full_list_of_1_6_has_parent_and_status(bench: Any, run: Any) -> None:
    """Version 1, both entries in the words of 1.6."""
    lists, station = LocalLists(bench.office), bench.station(Version.V16, YES)
    assert run(lists.send(station, [ANNA, BERT])) == "Accepted"
    assert bench.asked(station) == [
        (
            "SendLocalList",
            {
                "listVersion": 1,
                "updateType": "Full",
                "localAuthorizationList": [
                    {"idTag": "ANNA", "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}},
                    {"idTag": "BERT", "idTagInfo": {"status": "Blocked"}},
                ],
            },
        )
    ]
    assert lists.version("CP1") == 1


def test_a_long_list_is_cut_into_a_full_message_and_differences(bench: Any, run: Any) -> None:
    """Three entries at two per message: versions 1 and 2."""
    lists, station = LocalLists(bench.office), bench.station(Version.V201, YES, YES)
    station.policy.items_per_message["SendLocalList"] = 2
    run(lists.send(station, [ANNA, BERT, ListEntry("CARL")]))
    sent = [payload for _, payload in bench.asked(station)]
    assert [
        (one["versionNumber"], one["updateType"], len(one["localAuthorizationList"])) for one in sent
    ] == [
        (1, "Full", 2),
        (2, "Differential", 1),
    ]


def test_a_removal_is_an_entry_without_information(bench: Any, run: Any) -> None:
    """Sent as a difference to a list that is known."""
    lists, station = LocalLists(bench.office), bench.station(Version.V16, YES, YES)
    run(lists.send(station, [ANNA, BERT]))
    run(lists.send(station, [], removed=[BERT]))
    assert bench.asked(station)[1][1] == {
        "listVersion": 2,
        "updateType": "Differential",
        "localAuthorizationList": [{"idTag": "BERT"}],
    }


def test_after_a_time_out_the_list_is_in_doubt_and_no_difference_is_sent(bench: Any, run: Any) -> None:
    """Nobody knows which of the two lists the station holds."""
    lists = LocalLists(bench.office)
    station = bench.station(Version.V16, YES, CallTimedOut("CP1"))
    run(lists.send(station, [ANNA]))
    with pytest.raises(CallTimedOut):
        run(lists.send(station, [ANNA, BERT]))
    assert lists.version("CP1") is None
    with pytest.raises(ValueError, match="send all of it"):
        run(lists.send(station, [], removed=[BERT]))


def test_a_failed_update_leaves_the_list_as_it_was_but_its_version_is_spent(bench: Any, run: Any) -> None:
    """Version 1 holds, the next one is 3."""
    lists = LocalLists(bench.office)
    station = bench.station(Version.V16, YES, {"status": "Failed"}, YES)
    for entries in ([ANNA], [BERT]):
        run(lists.send(station, entries))
    assert lists.version("CP1") == 1
    run(lists.send(station, [BERT]))
    assert bench.asked(station)[2][1]["listVersion"] == 3


def test_versions_go_on_after_a_restart(bench: Any, run: Any) -> None:
    """A list that was sent and never answered is in doubt, its version is spent."""
    station = bench.station(Version.V16, YES, CallTimedOut("CP1"), YES)
    lists = LocalLists(bench.office)
    run(lists.send(station, [ANNA]))
    with pytest.raises(CallTimedOut):
        run(lists.send(station, [BERT]))
    again = LocalLists(bench.office)
    bench.restore(again)
    assert again.version("CP1") is None
    run(again.send(station, [BERT]))
    assert bench.asked(station)[2][1]["listVersion"] == 3


def test_the_version_that_a_station_reports_is_believed(bench: Any, run: Any) -> None:
    """The next one is above it."""
    lists, station = LocalLists(bench.office), bench.station(Version.V201, {"versionNumber": 40}, YES)
    assert run(lists.read_version(station)) == 40
    run(lists.send(station, [ANNA]))
    assert bench.asked(station)[1][1]["versionNumber"] == 41
