"""The study's folder: what was asked, one file per finished draw, and one study that writes at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twin.errors import SettingsError
from twin.results.folder import LOCK, unwritable, write_aside, write_json
from twin.results.lock import locked

ASKED = "hosting.json"
_FORMAT = 1
_HASH = "scenario_hash"


@contextmanager
def open_folder(path: Path, asked: Mapping[str, Any], *, replace: bool) -> Iterator[None]:
    """Own the folder of a study, new or begun earlier with the same question.

    Args:
        path: Where; folders above it are made.
        asked: The scenario's name and hash, and the settings.
        replace: Forget what an earlier study left, whatever it asked.

    Raises:
        SettingsError: It holds something else or another question, a study writes there now, or it cannot
            be written; nothing was changed.
    """
    _refuse_foreign(path)
    with locked(path):
        try:
            if replace:
                _forget(path)
            (path / "draws").mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        _same_question(path, {"format": _FORMAT, **asked})
        yield


def finished(path: Path, number: int) -> bool:
    """Whether a draw is done."""
    from twin.studies.hosting.table import part_path  # noqa: PLC0415 -- pyarrow

    return part_path(path, number).is_file()


def write_text(path: Path, text: str) -> None:
    """Write a text, whole or not at all."""
    write_aside(path, text.encode())


def _refuse_foreign(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{path}: is a file; name another output folder")
    mine = path.is_dir() and (path / ASKED).is_file()
    if path.is_dir() and not mine and any(inner.name not in _BEGUN for inner in path.iterdir()):
        raise SettingsError(
            f"{path}: is not empty and holds no study of hosting capacity; name another output folder"
        )


_BEGUN = {LOCK, "draws", f".{ASKED}.tmp"}
"""All that is there when a study is killed before it has said what it asks."""


def _forget(path: Path) -> None:
    """Delete a study; what says that it is one goes last."""
    for inner in sorted(path.iterdir(), key=lambda inner: inner.name == ASKED):
        if inner.is_dir() and not inner.is_symlink():
            shutil.rmtree(inner)
        elif inner.name != LOCK:
            inner.unlink()


def _same_question(path: Path, asked: Mapping[str, Any]) -> None:
    file = path / ASKED
    if not file.is_file():
        write_json(file, asked)
        return
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: cannot be read ({error}); replace the study with --force") from None
    others = [key for key, value in asked.items() if before.get(key) != value]
    if others:
        if "seed" in others and _HASH in others:
            others.remove(_HASH)  # it covers the seed
        told = "; ".join(_difference(key, before.get(key), asked[key]) for key in others)
        raise SettingsError(
            f"{path}: holds a study of another question ({told}); "
            "name another folder with --out, or replace it with --force"
        )


def _difference(key: str, before: object, now: object) -> str:
    if key == _HASH:
        return "the scenario or a file that it names has changed"
    return f"{key.replace('_', ' ')} was {_short(before)}, now {_short(now)}"


def _short(value: object) -> str:
    return "absent" if value is None else json.dumps(value).strip('"[]')
