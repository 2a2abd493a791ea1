"""A run as the report needs it: plain data frames, civil time, the feeder's topology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from twin.domain.grid import GridTopology

if TYPE_CHECKING:
    import pandas as pd

    from twin.results.ageing import TransformerAgeing
    from twin.results.read import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Tables of one run in memory, and what turns their seconds into civil time.

    Attributes:
        name: Run id: the name of its folder.
        path: The run's folder.
        manifest: What was run, with which versions, and how it ended.
        summary: Key figures, see `docs/nomenclature.md`.
        topology: Names, limits and places of the feeder; None without a grid.
        epoch: Instant of `t_s = 0`.
        zone: Civil time of tariffs and reports.
        duration_s: Length of the run.
        period_s: Control tick.
        site_limits: Whether sites have limits of their own.
        evses: The EVSEs: id, site, bus, max_w, …
        en50160: One row per judged bus, with the attributes of `results.voltage.BusVerdict`.
        coincidence: Coincidence factor by number of chargers: `chargers, factor, low, high`.
        ageing: Temperatures and loss of life of each transformer that carried anything.
    """

    name: str
    path: Path
    manifest: Mapping[str, Any]
    summary: Mapping[str, Any]
    topology: GridTopology | None
    epoch: datetime
    zone: ZoneInfo
    duration_s: float
    period_s: float
    site_limits: bool = False
    evses: Sequence[Mapping[str, Any]]
    en50160: pd.DataFrame
    coincidence: pd.DataFrame
    ageing: Sequence[TransformerAgeing] = ()
    sessions: pd.DataFrame
    limits: pd.DataFrame
    ticks: pd.DataFrame
    buses: pd.DataFrame
    branches: pd.DataFrame
    violations: pd.DataFrame
    invoices: pd.DataFrame
    payments: pd.DataFrame
    settlements: pd.DataFrame
    leakage: pd.DataFrame
    events: pd.DataFrame

    @property
    def stamp(self) -> str:
        """What every figure states at its corner."""
        return f"{self.name} · scenario {str(self.manifest.get('scenario_hash', ''))[:12]}"

    def civil(self, t_s: pd.Series) -> pd.Series:
        """Seconds of the run as instants in civil time."""
        import pandas as pd  # noqa: PLC0415 -- with the rest of the report

        offsets = pd.to_timedelta(t_s.astype(float).round(3), unit="s")
        return (pd.Timestamp(self.epoch).tz_convert("UTC") + offsets).dt.tz_convert(self.zone)


def read_frames(run: Run) -> Frames:
    """Read what a page needs from a run's folder; the meter table, the largest, stays on the disk."""
    manifest = run.manifest
    import pandas as pd  # noqa: PLC0415 -- with the rest of the report

    from twin.results.ageing import transformer_ageing  # noqa: PLC0415 -- as above
    from twin.results.coincidence import coincidence  # noqa: PLC0415 -- as above
    from twin.results.feeder import en50160  # noqa: PLC0415 -- as above
    from twin.results.voltage import BusVerdict  # noqa: PLC0415 -- as above

    columns = [field.name for field in fields(BusVerdict)]
    curve = {k: v for k, v in asdict(coincidence(run)).items() if k != "groups"} if run.evses else {}
    finished = run.outcome == "finished"
    return Frames(
        name=run.name,
        path=run.path,
        manifest=manifest,
        summary=run.summary,
        topology=run.topology,
        epoch=run.epoch,
        zone=run.zone,
        duration_s=float(manifest["horizon_s"]) if finished else run.recorded_s,
        period_s=run.period_s,
        site_limits=has_site_limits(run.scenario_text),
        evses=run.evses,
        ageing=transformer_ageing(run),
        coincidence=pd.DataFrame(curve, columns=["chargers", "factor", "low", "high"]),
        en50160=pd.DataFrame([asdict(verdict) for verdict in en50160(run)], columns=columns),
        sessions=run.sessions.to_pandas(),
        limits=run.limits.to_pandas(),
        ticks=run.ticks.to_pandas(),
        buses=run.buses.to_pandas(),
        branches=run.branches.to_pandas(),
        violations=run.violations.to_pandas(),
        invoices=run.invoices.to_pandas(),
        payments=run.payments.to_pandas(),
        settlements=run.settlements.to_pandas(),
        leakage=run.leakage.to_pandas(),
        events=run.events.to_pandas(),
    )


def has_site_limits(scenario_text: str) -> bool:
    """Whether a resolved scenario limits the current or power of any site."""
    from ruamel.yaml import YAML  # noqa: PLC0415 -- with the rest of the report

    sites = (YAML(typ="safe").load(scenario_text) or {}).get("sites") or {}
    return any(bool(site.get("limits")) for site in sites.values())
