"""An independent power flow: power-grid-model, fed from pandapower's tables, not from its equations."""

import numpy as np
import pandapower as pp
from power_grid_model import (
    CalculationMethod,
    ComponentType,
    DatasetType,
    LoadGenType,
    PowerGridModel,
    WindingType,
    initialize_array,
)

FREQUENCY_HZ = 50.0


def solve(net: pp.pandapowerNet, bus_p_w: np.ndarray, bus_q_var: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (vm_pu per bus, loading in % per line, then transformer) with the given draw per bus.

    Knows lines, two-winding transformers, closed bus-bus switches and one external grid; closed switches
    at lines and transformers change nothing, and open ones are not supported.
    """
    assert net.switch[net.switch.et != "b"].closed.all()
    position = {bus: i for i, bus in enumerate(net.bus.index)}
    count = iter(range(10_000, 100_000))
    node = initialize_array(DatasetType.input, ComponentType.node, len(net.bus))
    node["id"], node["u_rated"] = np.arange(len(net.bus)), net.bus.vn_kv * 1e3
    load = initialize_array(DatasetType.input, ComponentType.sym_load, len(net.bus))
    load["id"], load["node"], load["status"] = [next(count) for _ in net.bus.index], node["id"], 1
    load["type"], load["p_specified"], load["q_specified"] = LoadGenType.const_power, bus_p_w, bus_q_var
    source = initialize_array(DatasetType.input, ComponentType.source, 1)
    source["id"], source["node"], source["status"] = next(count), position[net.ext_grid.bus.iloc[0]], 1
    source["u_ref"], source["sk"] = net.ext_grid.vm_pu.iloc[0], 1e20  # an ideal source, as pandapower's
    line, trafo = _lines(net, position, count), _trafos(net, position, count)
    link = _links(net, position, count)
    model = PowerGridModel(
        {
            ComponentType.node: node,
            ComponentType.line: line,
            ComponentType.transformer: trafo,
            ComponentType.link: link,
            ComponentType.sym_load: load,
            ComponentType.source: source,
        }
    )
    out = model.calculate_power_flow(
        calculation_method=CalculationMethod.newton_raphson, error_tolerance=1e-9
    )
    flows = out[ComponentType.transformer]
    vn = net.trafo[["vn_hv_kv", "vn_lv_kv"]].to_numpy() * 1e3
    current = np.stack([flows["i_from"], flows["i_to"]], axis=1)
    of_trafo = (current * vn * np.sqrt(3) / (net.trafo.sn_mva.to_numpy()[:, None] * 1e6)).max(axis=1) * 100.0
    ends = out[ComponentType.line]
    of_line = np.maximum(ends["i_from"], ends["i_to"]) / line["i_n"] * 100.0
    return out[ComponentType.node]["u_pu"], np.concatenate([of_line, of_trafo])


def _lines(net, position, count):
    rows = net.line
    line = initialize_array(DatasetType.input, ComponentType.line, len(rows))
    line["id"] = [next(count) for _ in rows.index]
    line["from_node"], line["to_node"] = rows.from_bus.map(position), rows.to_bus.map(position)
    line["from_status"] = line["to_status"] = 1
    length, systems = rows.length_km.to_numpy(), rows.parallel.to_numpy()
    line["r1"], line["x1"] = rows.r_ohm_per_km * length / systems, rows.x_ohm_per_km * length / systems
    line["c1"] = rows.c_nf_per_km * 1e-9 * length * systems
    line["tan1"] = 0.0
    line["i_n"] = rows.max_i_ka * 1e3 * rows.df * systems
    return line


def _trafos(net, position, count):
    rows = net.trafo
    trafo = initialize_array(DatasetType.input, ComponentType.transformer, len(rows))
    trafo["id"] = [next(count) for _ in rows.index]
    trafo["from_node"], trafo["to_node"] = rows.hv_bus.map(position), rows.lv_bus.map(position)
    trafo["from_status"] = trafo["to_status"] = 1
    trafo["u1"], trafo["u2"], trafo["sn"] = rows.vn_hv_kv * 1e3, rows.vn_lv_kv * 1e3, rows.sn_mva * 1e6
    trafo["uk"], trafo["pk"] = rows.vk_percent / 100.0, rows.vkr_percent / 100.0 * rows.sn_mva * 1e6
    trafo["i0"], trafo["p0"] = rows.i0_percent / 100.0, rows.pfe_kw * 1e3
    clock = np.round(rows.shift_degree.to_numpy() / 30.0).astype(int) % 12
    trafo["clock"] = clock
    trafo["winding_from"] = np.where(clock % 2, WindingType.delta, WindingType.wye)
    trafo["winding_to"] = WindingType.wye_n
    trafo["tap_side"] = 0
    trafo["tap_pos"] = rows.tap_pos.fillna(0.0)
    trafo["tap_nom"] = rows.tap_neutral.fillna(0.0)
    trafo["tap_min"], trafo["tap_max"] = -20, 20
    trafo["tap_size"] = rows.tap_step_percent.fillna(0.0) / 100.0 * rows.vn_hv_kv * 1e3
    return trafo


def _links(net, position, count):
    rows = net.switch[(net.switch.et == "b") & net.switch.closed]
    link = initialize_array(DatasetType.input, ComponentType.link, len(rows))
    link["id"] = [next(count) for _ in rows.index]
    link["from_node"], link["to_node"] = rows.bus.map(position), rows.element.map(position)
    link["from_status"] = link["to_status"] = 1
    return link
