"""A run's folder: made before anything is computed, so that a full or forbidden disk is known at once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from twin.errors import SettingsError

MANIFEST = "manifest.json"
SCENARIO = "scenario.yaml"
NETWORK = "network.json"
SUMMARY = "summary.json"
LOCK = ".lock"
"""Held by the run that writes here, see `results.lock`; removed when it ends."""
_PROBE = ".writable"
_BEGUN = {_PROBE, LOCK, f".{MANIFEST}.tmp"}
"""All that is there when a run is killed before it has a manifest: as good as an empty folder."""


def make_folder(path: Path, *, replace: bool = False) -> Path:
    """Make an empty run folder.

    Args:
        path: Where; folders above it are made.
        replace: Delete a run that is already there.

    Raises:
        SettingsError: The place cannot be written, or holds something else; nothing was changed.
    """
    path = Path(path)
    try:
        refuse_foreign(path)
        if is_run(path):
            if not replace:
                raise SettingsError(
                    f"{path}: holds a run already; name another output folder, or replace it with --force"
                )
            empty(path)
        path.mkdir(parents=True, exist_ok=True)
        probe = path / _PROBE
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def refuse_foreign(path: Path) -> None:
    """Raise SettingsError where there is something that is no run: nobody's work is written over or deleted."""
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{path}: is a file; name another output folder")
    if path.is_dir() and not is_run(path) and any(inner.name not in _BEGUN for inner in path.iterdir()):
        raise SettingsError(f"{path}: is not empty and holds no run; name another output folder")


def empty(path: Path) -> None:
    """Delete a run but for the lock on its folder; what says that it is a run goes last."""
    for inner in sorted(path.iterdir(), key=lambda inner: inner.name == MANIFEST):
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        elif inner.name != LOCK:
            inner.unlink()


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, whatever became of it."""
    return (path / MANIFEST).is_file()


def write_aside(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that it is either whole or absent.

    Raises:
        SettingsError: The disk is full, or the folder cannot be written; names the file.
    """
    aside = path.with_name(f".{path.name}.tmp")
    try:
        with aside.open("wb", buffering=0) as file:
            left = memoryview(content)
            while left:  # a nearly full disk takes a part and says so only at the next call
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):  # where nothing can be written, there may be nothing to remove
            aside.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as JSON, whole or not at all; NaN is refused, times and numbers stay as they are."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    write_aside(path, f"{text}\n".encode())


def unwritable(path: Path, error: OSError) -> SettingsError:
    """The error of a file or folder that cannot be written, with its remedy."""
    why = error.strerror or str(error)
    return SettingsError(f"{path}: cannot be written ({why}); make room there or name another output folder")


def _plain(value: object) -> object:
    """What JSON has no word for: numpy's numbers and arrays."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} cannot stand in a JSON file")
