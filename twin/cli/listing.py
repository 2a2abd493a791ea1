"""Tables for people: what scenarios can name."""

from __future__ import annotations

from twin.control.strategies import registry
from twin.world.stations.catalogue import catalogue


def strategies() -> str:
    """Every registered strategy with its options, defaults and meanings."""
    blocks = [str(registry.describe(name)) for name in registry.names()]
    return "\n\n".join(blocks)


def vehicles() -> str:
    """The catalogue: usable energy, AC phases and power, DC peak."""
    lines = [f"{'model':28} {'usable kWh':>10} {'AC':>12} {'DC kW':>7}"]
    for spec in catalogue().values():
        ac = f"{spec.ac_phases} x {spec.ac_max_w / 1000:.1f} kW"
        dc = f"{spec.dc_max_w / 1000:.0f}" if spec.dc else "-"
        lines.append(f"{spec.model:28} {spec.usable_wh / 1000:10.1f} {ac:>12} {dc:>7}")
    return "\n".join(lines)
