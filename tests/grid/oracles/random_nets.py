"""Random low-voltage feeders, as crooked as real ones, with a point at which they can be solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandapower as pp

from . import pgm

_CABLES = ((0.2067, 0.0804, 830.0, 0.270), (0.3208, 0.0823, 480.0, 0.210), (0.6417, 0.0848, 210.0, 0.142))
_OVERHEAD = (0.5939, 0.3, 10.0, 0.21)
_MV_CABLE = (0.206, 0.122, 250.0, 0.319)
_TRAFOS = ((0.16, 4.0, 1.469, 0.46, 0.2875), (0.25, 6.0, 1.44, 0.8, 0.32), (0.4, 6.0, 1.425, 1.35, 0.3375))
_DYN_SHIFTS = (30.0, 150.0, 210.0, 330.0)
_LOWEST_PU = 0.88


@dataclass(frozen=True, slots=True)
class Case:
    """A net, and (nb, 3) W and var drawn at its buses; the net's loads are of the same size."""

    net: pp.pandapowerNet
    p_w: np.ndarray
    q_var: np.ndarray


def random_case(seed: int, *, largest: int = 60) -> Case:
    """Draw a feeder of 5 to `largest` low-voltage buses and loads that it can carry."""
    rng = np.random.default_rng(seed)
    net = random_net(rng, int(rng.integers(5, largest + 1)))
    p_w, q_var = _loads(net, rng)
    for _ in range(30):
        if _carries(net, p_w, q_var):
            break
        p_w, q_var = 0.7 * p_w, 0.7 * q_var
    else:
        raise AssertionError(f"seed {seed}: no load fits this feeder")
    for b in np.flatnonzero(np.any(p_w != 0.0, axis=1)).tolist():
        powers = {f"p_{k}_mw": p_w[b, i] / 1e6 for i, k in enumerate("abc")}
        powers |= {f"q_{k}_mvar": q_var[b, i] / 1e6 for i, k in enumerate("abc")}
        pp.create_asymmetric_load(net, net.bus.index[b], type="wye", name=f"load {b}", **powers)
    return Case(net, p_w, q_var)


def _carries(net: pp.pandapowerNet, p_w: np.ndarray, q_var: np.ndarray) -> bool:
    """Both the load and twice the load have a solution, the load within a band that feeders are run in."""
    try:
        pgm.solve(net, 2.0 * p_w, 2.0 * q_var)
        vm_pu = pgm.solve(net, p_w, q_var).vm_pu
    except pgm.NoSolution:
        return False
    return float(np.nanmin(vm_pu)) > _LOWEST_PU and float(np.nanmax(vm_pu)) < 1.2


def random_net(rng: np.random.Generator, buses: int) -> pp.pandapowerNet:
    """Draw one feeder: perhaps a stub of medium-voltage cable, a transformer, 1 to 3 branches, and oddities."""
    draw = _Draw(rng, buses)
    draw.substation()
    draw.branches(buses)
    draw.ties()
    draw.oddities()
    return draw.net


class _Draw:
    def __init__(self, rng: np.random.Generator, buses: int) -> None:
        self.net = pp.create_empty_network(sn_mva=float(rng.choice([1.0, 0.1, 100.0])))
        self._rng = rng
        self._indices = rng.permutation(3 * buses + 20).tolist()  # positions must not pass for indices
        self._low: list[int] = []
        self._busbar: dict[int, int] = {}  # the first of the buses that couplers join
        self._main = -1

    def _maybe(self, share: float) -> bool:
        return bool(self._rng.random() < share)

    def _bus(self, vn_kv: float) -> int:
        index = self._indices.pop()
        return int(pp.create_bus(self.net, vn_kv, name=f"bus {index}", index=index))

    def _line(self, a: int, b: int, data: tuple[float, ...], length_km: float) -> int:
        rng, (r, x, c, i_ka) = self._rng, data
        return int(
            pp.create_line_from_parameters(
                self.net, a, b, length_km,
                r_ohm_per_km=r, x_ohm_per_km=x, c_nf_per_km=c, max_i_ka=i_ka,
                r0_ohm_per_km=r * rng.uniform(1.5, 5.0), x0_ohm_per_km=x * rng.uniform(2.0, 4.5),
                c0_nf_per_km=c * rng.uniform(0.3, 1.0),
                parallel=2 if self._maybe(0.1) else 1, df=0.8 if self._maybe(0.1) else 1.0,
                name=f"line {a}-{b} {len(self.net.line)}",
            )
        )  # fmt: skip

    def _cable(self, a: int, b: int) -> int:
        data = _OVERHEAD if self._maybe(0.2) else _CABLES[int(self._rng.integers(len(_CABLES)))]
        return self._line(a, b, data, float(np.exp(self._rng.uniform(np.log(0.003), np.log(0.15)))))

    def substation(self) -> None:
        """Source, stub, transformer."""
        rng = self._rng
        vn_kv = float(rng.choice([10.0, 20.0]))
        high = self._bus(vn_kv)
        pp.create_ext_grid(
            self.net, high, vm_pu=float(rng.uniform(0.98, 1.04)), s_sc_max_mva=1e9, s_sc_min_mva=1e9,
            rx_max=0.1, rx_min=0.1, x0x_max=1.0, r0x0_max=0.1,
        )  # fmt: skip
        if self._maybe(0.5):
            end = self._bus(vn_kv)
            self._line(high, end, _MV_CABLE, float(rng.uniform(0.2, 10.0)))
            high = end
        self._main = self._bus(0.4)
        self._low.append(self._main)
        for _ in range(2 if self._maybe(0.1) else 1):
            self._trafo(high, vn_kv)

    def _trafo(self, high: int, vn_kv: float) -> None:
        rng = self._rng
        if len(self.net.trafo):  # its twin, as transformers in parallel must be
            trafo = self.net.trafo.iloc[0].to_dict()
            self.net.trafo.loc[1] = trafo | {"name": "trafo 1"}
            return
        sn_mva, vk, vkr, pfe, i0 = _TRAFOS[int(rng.integers(len(_TRAFOS)))]
        straight = self._maybe(0.15)
        zero = float(rng.uniform(0.8, 1.0))
        pp.create_transformer_from_parameters(
            self.net, high, self._main, sn_mva=sn_mva, vn_hv_kv=vn_kv, vn_lv_kv=float(rng.choice([0.4, 0.41])),
            vk_percent=vk, vkr_percent=vkr, pfe_kw=pfe, i0_percent=i0,
            shift_degree=0.0 if straight else float(rng.choice(_DYN_SHIFTS)),
            vector_group="YNyn" if straight else "Dyn",
            vk0_percent=vk * zero, vkr0_percent=vkr * zero,
            mag0_percent=1e9, mag0_rx=0.0, si0_hv_partial=0.9,
            tap_side=str(rng.choice(["hv", "lv"])), tap_neutral=0.0, tap_min=-2.0, tap_max=2.0,
            tap_step_percent=2.5, tap_pos=float(rng.integers(-2, 3)), tap_changer_type="Ratio",
            parallel=2 if self._maybe(0.1) else 1, df=0.9 if self._maybe(0.1) else 1.0, name="trafo 0",
        )  # fmt: skip

    def branches(self, buses: int) -> None:
        """Grow 1 to 3 branches, mostly at their ends; now and then a coupler stands between two busbars."""
        ends = [self._main] * int(self._rng.integers(1, 4))
        while len(self._low) < buses:
            k = int(self._rng.integers(len(ends)))
            at = ends[k] if self._maybe(0.85) else int(self._rng.choice(self._low))
            new = self._bus(0.4)
            if self._maybe(0.05):
                pp.create_switch(self.net, at, new, et="b", closed=True)
                self._busbar[new] = self._busbar.get(at, at)
            else:
                line = self._cable(at, new)
                if self._maybe(0.3):
                    pp.create_switch(self.net, at, line, et="l", closed=True)
            self._low.append(new)
            ends[k] = new

    def ties(self) -> None:
        """Lines between any two buses: closed, open at one end or at both, out of service, or doubled."""
        for _ in range(int(self._rng.integers(0, 4))):
            a, b = (int(x) for x in self._rng.choice(self._low, 2, replace=False))
            if self._busbar.get(a, a) == self._busbar.get(b, b):
                continue  # power-grid-model knows no line from a busbar to itself
            tie = self._cable(a, b)
            state = int(self._rng.integers(5))
            if state in {1, 3}:
                pp.create_switch(self.net, a, tie, et="l", closed=False)
            if state in {2, 3}:
                pp.create_switch(self.net, b, tie, et="l", closed=False)
            if state == 4:
                self.net.line.loc[tie, "in_service"] = False

    def oddities(self) -> None:
        """A busbar without any line, an open coupler, a house on a line of its own that is open at its head."""
        if self._maybe(0.3):
            self._bus(0.4)
        if self._maybe(0.3):
            a, b = (int(x) for x in self._rng.choice(self._low, 2, replace=False))
            pp.create_switch(self.net, a, b, et="b", closed=False)
        if self._maybe(0.3):
            far = self._bus(0.4)
            line = self._cable(int(self._rng.choice(self._low)), far)
            pp.create_switch(self.net, int(self.net.line.from_bus[line]), line, et="l", closed=False)


def _loads(net: pp.pandapowerNet, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(nb, 3) drawn by households, single-phase chargers and a little sun, at buses that have a source."""
    alive = ~net.bus.index.isin(list(pp.topology.unsupplied_buses(net))) & (net.bus.vn_kv == 0.4).to_numpy()
    shape = (len(net.bus), 3)
    homes = rng.uniform(0.0, 4e3, shape) * (rng.random((len(net.bus), 1)) < 0.6)
    chargers = rng.uniform(2e3, 7.4e3, shape) * (rng.random(shape) < 0.12)
    sun = rng.uniform(1e3, 6e3, shape) * (rng.random(shape) < 0.06)
    p_w = (homes + chargers - sun) * alive[:, None]
    return p_w, p_w * rng.uniform(-0.1, 0.4, shape)
