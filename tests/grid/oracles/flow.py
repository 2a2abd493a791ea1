"""What every oracle answers, in the words of the feeder."""

from typing import Any, NamedTuple

import numpy as np
import pandapower as pp

_A = np.exp(2j * np.pi / 3)
_TO_SEQUENCES = np.array([[1, 1, 1], [1, _A, _A**2], [1, _A**2, _A]]) / 3.0


TOLERANCES = {"vm_pu": 1e-6, "vuf_pct": 1e-3, "loading_pct": 1e-3}


class Flow(NamedTuple):
    """One solved point. Buses, lines and transformers in the order of the net's tables; NaN where dead."""

    vm_pu: np.ndarray
    """(nb, phases) voltage to ground."""
    vuf_pct: np.ndarray
    """(nb,) negative over positive sequence voltage."""
    line_a: np.ndarray
    """(nl, phases) current of the more loaded end."""
    trafo_a: np.ndarray
    """(nt, 2, phases) current at the high and the low voltage side."""
    loading_pct: np.ndarray
    """(nl + nt,) largest current of a phase over the rated one: lines, then transformers."""


def vuf_pct(v: np.ndarray) -> np.ndarray:
    """Return |V2| / |V1| in % of (n, 3) complex voltages."""
    _, positive, negative = _TO_SEQUENCES @ v.T
    return 100.0 * np.abs(negative) / np.abs(positive)


def loading_pct(net: pp.pandapowerNet, line_a: np.ndarray, trafo_a: np.ndarray) -> np.ndarray:
    """Return the loading by current: of `max_i_ka`, and of the nominal current of each winding."""
    line, trafo = net.line, net.trafo
    of_line = line_a.max(axis=1) / (line.max_i_ka * line.df * line.parallel * 1e3).to_numpy()
    nominal = (trafo.sn_mva * trafo.parallel * trafo.df).to_numpy()[:, None] / (
        np.sqrt(3.0) * trafo[["vn_hv_kv", "vn_lv_kv"]].to_numpy()
    )
    of_trafo = (trafo_a.max(axis=2) / (nominal * 1e3)).max(axis=1, initial=-np.inf)
    return 100.0 * np.concatenate([of_line, of_trafo])


def assert_same(one: Any, other: Flow) -> None:
    """Hold two flows together to 1e-6 pu, 1e-3 % unbalance and 1e-3 % loading, dead at the same places."""
    for quantity, tolerance in TOLERANCES.items():
        np.testing.assert_allclose(
            getattr(one, quantity), getattr(other, quantity), rtol=0.0, atol=tolerance, err_msg=quantity
        )
