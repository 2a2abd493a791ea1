"""One writer per folder."""

import os
from pathlib import Path

import pytest

from twin.errors import SettingsError
from twin.results import lock
from twin.results.folder import make_folder
from twin.results.lock import writing


def _refused(path):
    with pytest.raises(SettingsError) as raised, writing(path):
        pass
    return str(raised.value)


def test_a_second_run_is_refused_and_touches_nothing(tmp_path):
    """Neither what is written nor the lock of the first."""
    place = tmp_path / "out"
    with writing(place):
        (place / "manifest.json").write_text("{}")
        said = f"{place}: another run is writing here; wait for it or name another output folder"
        assert _refused(place) == said
        assert sorted(p.name for p in place.iterdir()) == [".lock", "manifest.json"]


def test_nothing_of_it_stays(tmp_path):
    """A folder that is done has no lock, and the next run may come."""
    for _ in range(2):
        with writing(tmp_path / "out"):
            assert (tmp_path / "out" / ".lock").exists()
        assert list((tmp_path / "out").iterdir()) == []


def test_a_run_that_is_replaced_leaves_the_lock_alone(tmp_path):
    """Else a third would find the folder free."""
    with writing(tmp_path):
        (tmp_path / "manifest.json").write_text("{}")
        (tmp_path / "ticks").mkdir()
        (tmp_path / "ticks" / "part-00000.parquet").touch()
        make_folder(tmp_path, replace=True)
        assert [p.name for p in tmp_path.iterdir()] == [".lock"]
        assert "another run is writing here" in _refused(tmp_path)


def test_a_lock_file_that_a_killed_run_left_is_nobody_s(tmp_path):
    """The system has let go of it."""
    (tmp_path / ".lock").touch()
    with writing(tmp_path):
        make_folder(tmp_path)


def test_a_lock_that_is_removed_while_it_is_taken_is_taken_again(tmp_path, monkeypatch):
    """The first run ends between our opening of the file and our locking it."""
    opened = os.open
    times = 0

    def late(path, *rest):
        nonlocal times
        descriptor = opened(path, *rest)
        times += 1
        if times == 1:
            Path(path).unlink()
        return descriptor

    monkeypatch.setattr(lock.os, "open", late)
    with writing(tmp_path):
        assert times == 2
        assert "another run is writing here" in _refused(tmp_path)


def test_what_is_no_run_is_not_even_locked(tmp_path):
    """The thesis is safe."""
    (tmp_path / "thesis.tex").touch()
    assert _refused(tmp_path) == f"{tmp_path}: is not empty and holds no run; name another output folder"
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
