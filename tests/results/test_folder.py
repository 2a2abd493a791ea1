"""A run's folder: refused before anything is written, or made whole."""

import numpy as np
import pytest

from twin.errors import SettingsError
from twin.results.folder import make_folder, write_json


def _message(path, **options):
    with pytest.raises(SettingsError) as raised:
        make_folder(path, **options)
    return str(raised.value)


def test_folders_above_it_are_made(tmp_path):
    """results/ need not exist."""
    assert list(make_folder(tmp_path / "results" / "street").iterdir()) == []


def test_a_run_is_not_overwritten_by_accident(tmp_path):
    """The remedy is in the message, and the run is untouched."""
    (tmp_path / "manifest.json").write_text("{}")
    assert _message(tmp_path) == (
        f"{tmp_path}: holds a run already; name another output folder, or replace it with --force"
    )
    assert (tmp_path / "manifest.json").exists()


def test_a_run_is_replaced_on_demand(tmp_path):
    """Nothing of the old one stays."""
    place = tmp_path / "run"
    place.mkdir()
    (place / "manifest.json").write_text("{}")
    (place / "old").touch()
    assert list(make_folder(place, replace=True).iterdir()) == []


def test_a_folder_with_something_else_is_never_cleared(tmp_path):
    """Not even on demand."""
    (tmp_path / "thesis.tex").touch()
    expected = f"{tmp_path}: is not empty and holds no run; name another output folder"
    assert _message(tmp_path) == _message(tmp_path, replace=True) == expected
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_folder(tmp_path):
    """The message says what is there."""
    (tmp_path / "x").touch()
    assert _message(tmp_path / "x") == f"{tmp_path / 'x'}: is a file; name another output folder"


def test_json_takes_numpy_s_numbers_and_refuses_nan(tmp_path):
    """A solver's provenance may hold arrays; NaN is no JSON."""
    write_json(tmp_path / "x.json", {"a": np.float64(1.5), "b": np.arange(2)})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": 1.5,\n  "b": [\n    0,\n    1\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    with pytest.raises(TypeError, match="cannot stand in a JSON file"):
        write_json(tmp_path / "x.json", {"a": object()})
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
