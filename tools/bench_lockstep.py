"""Measure lock step: 50 virtual stations, all in a transaction for 24 h, meters read once a minute.

Physics, control, tables and both ends of every socket run in one process. Prints wall time per version of OCPP;
`--profile` names what it was spent on.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter, process_time

from twin.engine.run import run
from twin.scenario.loader import load

STATIONS = 50
LIMIT_S = 30.0
SCENARIO = """\
start: 2016-01-18T00:00:00+00:00
days: 1
period_s: 60
sites:
  depot:
    operator: works
    limits: {{main: {{limit_kw: 250}}}}
    stations: {{list: {{{stations}}}}}
drivers: {{fleet: {{archetype: replay, file: sessions.csv, format: twin}}}}
strategy: {strategy}
"""
HEAD = "session,site,evse,driver,arrival,departure,energy_kwh,vehicle\n"
ROW = "{k},depot,s{k}/1,d{k},2016-01-18T00:00:00+00:00,2016-01-18T23:59:30+00:00,60,tesla-model-3-lr\n"


def scenario(folder: Path, strategy: str) -> Path:
    """Write the scenario and its sessions; return its file."""
    stations = ", ".join(f"s{k}: {{max_a: 16}}" for k in range(STATIONS))
    rows = "".join(ROW.format(k=k) for k in range(STATIONS))
    (folder / "sessions.csv").write_text(HEAD + rows, encoding="utf-8")
    path = folder / "bench.yaml"
    path.write_text(SCENARIO.format(stations=stations, strategy=strategy), encoding="utf-8")
    return path


def times_s(path: Path, out: Path, settings: list[str]) -> tuple[float, float]:
    """Return wall and processor time of one run."""
    made = load(path, settings=settings)
    wall, cpu = perf_counter(), process_time()
    run(made, out=out, force=True)
    return perf_counter() - wall, process_time() - cpu


def messages(out: Path) -> Counter[str]:
    """Count the calls of a traced run by action."""
    found: Counter[str] = Counter()
    with (out / "messages.jsonl").open(encoding="utf-8") as file:
        for line in file:
            frame = json.loads(json.loads(line)["frame"])
            if frame[0] == 2:
                found[frame[2]] += 1
    return found


def main() -> None:
    """Run every version, after one run that compiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", action="append", choices=("1.6", "2.0.1", "2.1"))
    parser.add_argument("--strategy", default="equal-share")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--count", action="store_true", help="trace, and count the calls by action")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, out = scenario(folder, asked.strategy), folder / "run"
        times_s(path, out, [])  # compiles
        print("simulated   {:6.1f} s wall, {:6.1f} s processor".format(*times_s(path, out, [])))
        for version in asked.version or ("1.6", "2.0.1", "2.1"):
            settings = ["run.mode=virtual", f"run.virtual.version={version}"]
            if asked.count:
                settings.append("run.virtual.trace=true")
            profile = cProfile.Profile()
            if asked.profile:
                profile.enable()
            took_s, cpu_s = times_s(path, out, settings)
            profile.disable()
            print(f"OCPP {version:6} {took_s:6.1f} s wall (limit {LIMIT_S:.0f} s), {cpu_s:6.1f} s processor")
            if asked.profile:
                pstats.Stats(profile).sort_stats("tottime").print_stats(35)
            if asked.count:
                print("   ", dict(messages(out)))


if __name__ == "__main__":
    main()
