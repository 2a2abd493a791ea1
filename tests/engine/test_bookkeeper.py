"""What one visit leaves in the books."""

from twin.domain.specs import DriverSpec
from twin.engine.stays import Stay


def test_who_does_not_wait_waits_for_0_s() -> None:
    """The clock is a sum of steps: 0.3 s may lie behind 0.1 s + 0.2 s."""
    driver = DriverSpec(id="anna", archetype="work", vehicle=0, sites=("street",), if_full="wait")
    stay = Stay(
        visit=0,
        driver=driver,
        vehicle="vw-id3-pro",
        site="street",
        arrival_s=0.1 + 0.2,
        departure_s=9.0,
        requested_wh=1.0,
    )
    stay.plugged_s = 0.3
    assert stay.wait_s == 0.0
    stay.plugged_s = 2.3
    assert stay.wait_s == 2.3 - (0.1 + 0.2)
