"""Tables for people: what scenarios can name."""

from __future__ import annotations

from twin.control.strategies import registry
from twin.errors import SettingsError
from twin.world.stations.catalogue import catalogue


def strategies() -> tuple[str, list[str]]:
    """Every registered strategy with its options, defaults and meanings; and what is wrong with the broken ones.

    What somebody else's package registers may fail with any error while it is imported.
    """
    blocks, broken = [], []
    for name in registry.names():
        try:
            blocks.append(str(registry.describe(name)))
        except SettingsError as error:
            broken.append(str(error))
        except Exception as error:  # noqa: BLE001 -- code that is not ours
            broken.append(f"strategy {name!r}: cannot be loaded: {type(error).__name__}: {error}")
    return "\n\n".join(blocks), broken


def vehicles() -> str:
    """The catalogue: usable energy, AC phases and power, DC peak."""
    lines = [f"{'model':28} {'usable kWh':>10} {'AC':>12} {'DC kW':>7}"]
    for spec in catalogue().values():
        ac = f"{spec.ac_phases} x {spec.ac_max_w / 1000:.1f} kW"
        dc = f"{spec.dc_max_w / 1000:.0f}" if spec.dc else "-"
        lines.append(f"{spec.model:28} {spec.usable_wh / 1000:10.1f} {ac:>12} {dc:>7}")
    return "\n".join(lines)
