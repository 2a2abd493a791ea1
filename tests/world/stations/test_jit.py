"""The physics as it is written, and compiled."""

import json
import subprocess
import sys

import pytest

TOLD = """
import json, sys
from twin.world.stations import jit
if sys.argv[1] == "interpreted":
    jit.interpret()
import numpy as np
from twin.domain.fleet import Fleet
from twin.domain.ports import PlugIn
from twin.network.virtual.guests import default_evses
from twin.world.stations.catalogue import vehicle
from twin.world.stations.simulated import SimulatedStations
stations = SimulatedStations(Fleet(default_evses(3)))
stations.set_limits(np.arange(3), np.array([11_040.0, 4_200.0, 11_040.0]))
for row, wanted_wh in enumerate((20_000.0, 5_000.0, 1_000.0)):
    stations.plug(row, row, PlugIn(vehicle("renault-zoe-ze50"), 30_000.0, wanted_wh, 9e4, wanted_wh))
    stations.start(row, row, "card")
found = []
for step in range(1, 40):
    stations.advance(300.0 * step)
    found += [list(stations.sample(300.0 * step + 1.0, row)) for row in range(3)]
print(json.dumps({"found": found, "numba": "numba" in sys.modules}))
"""


def told(how):
    """Charge three cars in a process of its own; return what their meters said and whether numba was loaded."""
    done = subprocess.run([sys.executable, "-c", TOLD, how], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_interpreted_physics_says_what_the_compiled_one_says():
    """Three sessions agree to the last bits, as numbers that JSON knows; numba is loaded only where it compiles."""
    plain, compiled = told("interpreted"), told("compiled")
    assert (plain["numba"], compiled["numba"]) == (False, True)
    assert plain["found"][-1][0] == 1_000.0  # that car had what it wanted
    for one, other in zip(plain["found"], compiled["found"], strict=True):
        assert one == pytest.approx(other, rel=1e-12)
