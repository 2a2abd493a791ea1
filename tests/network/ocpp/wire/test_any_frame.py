"""Whatever comes, an end goes on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.network.ocpp.wire.conftest import Pair
from twin.network.ocpp.versions import Version
from twin.network.ocpp.wire import schemas

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(sorted(schemas.actions(Version.V21))) | st.text(max_size=10)
frames = (
    st.binary(max_size=60)
    | st.lists(values, max_size=6).map(lambda frame: json.dumps(frame).encode())
    | st.tuples(st.integers(0, 8), values, names | values, values).map(
        lambda frame: json.dumps(frame).encode()
    )
    | st.tuples(st.sampled_from([2, 6]), st.text(max_size=40), names, values).map(
        lambda frame: json.dumps(frame).encode()
    )
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(version=st.sampled_from(Version), strict=st.booleans(), sent=st.lists(frames, min_size=1, max_size=5))
def test_no_frame_stops_an_end(version: Version, strict: bool, sent: list[bytes]) -> None:
    """Each is traced once; every answer is JSON of a known type; the next good call is answered."""

    async def main() -> None:
        pair = Pair(version, strict=strict)
        pair.csms_link.other.owner = None
        pair.answers["DataTransfer"] = {"status": "Accepted"}
        for frame in sent:
            before = len(pair.records)
            pair.feed(frame)
            assert [one.outbound for one in pair.records[before:]].count(False) == 1
        answers: list[Any] = [json.loads(text) for text in pair.csms_link.sent]
        assert all(answer[0] in {3, 4} for answer in answers)
        last = pair.feed([2, "the-last-of-all", "DataTransfer", {"vendorId": "v"}])
        assert last == [[3, "the-last-of-all", {"status": "Accepted"}]]

    asyncio.run(main())
