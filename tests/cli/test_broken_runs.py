"""Runs that do not end well: killed, interrupted, out of room, out of balance, broken."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import twin

Cli = Callable[..., Any]
DAY_S = 86_400.0
TWIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
from twin.cli import main
main()
"""


@contextmanager
def running(scenario: Path, out: str) -> Iterator[subprocess.Popen[str]]:
    """`twin run` in a process of its own, once its first days are on the disk."""
    command = (sys.executable, "-c", TWIN, "run", str(scenario), "--out", out)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            while not Path(out, "ticks", "part-00002.parquet").exists():
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


def days(run: twin.Run) -> float:
    """How many days of ticks can be read."""
    return float(run.ticks.to_pandas()["t_s"].max() / DAY_S)


def test_a_killed_run_can_be_read_up_to_its_last_part(cli: Cli, long: Path) -> None:
    """Nobody could say goodbye: the manifest says `running`; tables, summary and report are there."""
    with running(long, "out") as process:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    run = twin.open_run("out")
    assert run.outcome == "running"
    assert run.recorded_s >= 2 * DAY_S
    assert days(run) == run.recorded_s / DAY_S == run.summary["days"]
    assert len(run.sessions) == run.summary["visits"]
    assert cli("report", "out") == (0, "report: out/report.html\n", "")


def test_control_c_leaves_what_was_recorded(cli: Cli, long: Path) -> None:
    """Exit code 130, one word and where to look; the last part is as long as the run was."""
    with running(long, "out") as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == "interrupted\nout: holds what was recorded until then; look at it with: twin report out\n"
    run = twin.open_run("out")
    assert (run.outcome, run.manifest["error"]) == ("interrupted", "KeyboardInterrupt: ")
    assert days(run) == run.recorded_s / DAY_S
    assert cli("report", "out").code == 0


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_second_run_in_the_same_folder_is_refused(
    cli: Cli, hello: Path, long: Path, force: tuple[str, ...]
) -> None:
    """Even with --force: nobody deletes what is being written; once the first is gone, it may."""
    with running(long, "out") as process:
        told = cli("run", hello, "--out", "out", *force)
        assert told == (
            2,
            "",
            "out: another run is writing here; wait for it or name another output folder\n",
        )
        assert process.poll() is None
        process.kill()
    assert twin.open_run("out").manifest["scenario"] == "long"
    assert cli("run", hello, "--out", "out", "--no-report", "--force").code == 0
    assert not Path("out", ".lock").exists()


def full_for(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """No room for files of these names."""
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name in names:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)


def test_no_room_for_the_network_is_told_in_the_manifest(
    cli: Cli, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest fits, the network does not: the run has failed, and says so."""
    full_for(monkeypatch, ".network.json.tmp")
    told = cli("run", street, "--out", "out")
    full = (
        "out/network.json: cannot be written (File too large); make room there or name another output folder"
    )
    assert (told.code, told.out) == (2, "")
    assert told.err.splitlines() == [
        full,
        "out: holds no results, its manifest says why; replace it with --force",
    ]
    run = twin.open_run("out")
    assert (run.outcome, run.manifest["error"]) == ("failed", f"SettingsError: {full}")


def test_no_room_for_the_manifest_leaves_the_folder_free(
    cli: Cli, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command works once there is room, without --force."""
    with monkeypatch.context() as disk:
        full_for(disk, ".manifest.json.tmp")
        told = cli("run", hello, "--out", "out")
    assert told == (
        2,
        "",
        "out/manifest.json: cannot be written (File too large); make room there or name another output folder\n",
    )
    assert cli("run", hello, "--out", "out", "--no-report").code == 0


def test_a_disk_that_fills_up_behind_the_manifest_leaves_the_folder_free(
    cli: Cli, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the manifest cannot be brought up to date, nothing stays that would block the next try."""
    sync = os.fsync

    def refuse(descriptor: int) -> None:
        if Path("out/manifest.json").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", refuse)
        told = cli("run", hello, "--out", "out")
    assert (told.code, told.out) == (2, "")
    assert told.err.splitlines() == [
        (
            "out/scenario.yaml: cannot be written (No space left on device); "
            "make room there or name another output folder"
        ),
        "out: was emptied again; once there is room, give the same command",
    ]
    assert cli("run", hello, "--out", "out", "--no-report").code == 0


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for any file from the third day on."""
    sync = os.fsync
    full = False

    def refuse(descriptor: int) -> None:
        nonlocal full
        full = full or "part-00002" in Path(f"/proc/self/fd/{descriptor}").readlink().name
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_one_error(cli: Cli, hello: Path) -> None:
    """The file that did not fit, what became of the manifest, and where the first two days are."""
    told = cli("run", hello, "--set", "days=5", "--out", "out")
    full = "cannot be written (No space left on device); make room there or name another output folder"
    assert told.code == 2
    assert told.err.splitlines() == [
        f"out/sessions/part-00002.parquet: {full}",
        f"out/manifest.json: {full}",
        "out: holds what was recorded until then; look at it with: twin report out",
    ]
    run = twin.open_run("out")
    assert (run.outcome, days(run)) == ("running", 2.0)


def test_energy_that_does_not_balance_is_a_defect(
    cli: Cli, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Physics is broken on purpose: exit code 70, never 1; the manifest keeps the error."""
    from twin.world.stations.simulated import SimulatedStations

    honest = SimulatedStations.session_truth

    def wrong(self: SimulatedStations, row: int) -> Any:
        truth = honest(self, row)
        return truth._replace(battery_wh=truth.battery_wh + 1.0)

    monkeypatch.setattr(SimulatedStations, "session_truth", wrong)
    told = cli("run", hello, "--out", "out", "--json", "--fail-on-violation")
    assert told.code == 70
    assert told.out == ""
    what, where, remedy = told.err.splitlines()
    assert what.startswith("wallbox/1#1: ")
    assert where == "out: holds what was recorded until then; look at it with: twin report out"
    assert remedy == "this is a defect of twin, not of your scenario: please report it with the scenario"
    assert twin.open_run("out").outcome == "failed"
    assert twin.open_run("out").manifest["error"] == f"AuditError: {what}"


def test_an_error_that_nobody_expected_is_a_defect_too(
    cli: Cli, hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a trace helps whoever mends it."""
    from twin.engine.bookkeeper import Bookkeeper

    monkeypatch.delattr(Bookkeeper, "close")
    told = cli("run", hello, "--out", "out")
    assert told.code == 70
    assert "AttributeError: 'Bookkeeper' object has no attribute 'close'\n" in told.err
    assert told.err.endswith("please report it with the scenario\n")
    assert twin.open_run("out").outcome == "failed"
