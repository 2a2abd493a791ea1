"""The notebooks in git are pairs without outputs; the tool that `make notebooks` calls says what is wrong."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = "# %% [markdown]\n# # Title\n\n# %%\nprint(1 + 1)\n"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks_tool", ROOT / "tools" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pair(tool: ModuleType, tmp_path: Path) -> Path:
    """A folder with one good pair."""
    script = tmp_path / "a.py"
    script.write_text(SCRIPT)
    script.with_suffix(".ipynb").write_text(tool.text(script))
    return tmp_path


def test_the_pairs_in_git_are_good(tool: ModuleType) -> None:
    """If not: python tools/notebooks.py --write."""
    assert tool.problems(ROOT / "notebooks") == []
    assert sorted(path.name for path in (ROOT / "notebooks").iterdir() if path.is_file()) == [
        "01-first-run.ipynb",
        "01-first-run.py",
        "02-compare-strategies.ipynb",
        "02-compare-strategies.py",
        "03-payments.ipynb",
        "03-payments.py",
    ]


def test_a_pair_is_the_same_cells(tool: ModuleType, pair: Path) -> None:
    """Title, then code, for the kernel `python3`; the same bytes every time."""
    stored = json.loads((pair / "a.ipynb").read_text())
    assert [(c["cell_type"], "".join(c["source"])) for c in stored["cells"]] == [
        ("markdown", "# Title"),
        ("code", "print(1 + 1)"),
    ]
    assert stored["metadata"]["kernelspec"]["name"] == "python3"
    assert tool.problems(pair) == []
    assert tool.text(pair / "a.py") == tool.text(pair / "a.py")


def test_a_changed_script_and_stored_outputs_are_told(tool: ModuleType, pair: Path) -> None:
    """With the command that mends it."""
    (pair / "a.py").write_text(SCRIPT.replace("1 + 1", "1 + 2"))
    assert tool.problems(pair) == ["a.ipynb differs from a.py: python tools/notebooks.py --write"]
    book = pair / "a.ipynb"
    stored = json.loads(book.read_text())
    stored["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "2\n"}]
    book.write_text(json.dumps(stored))
    assert tool.problems(pair) == ["a.ipynb holds outputs: python tools/notebooks.py --write"]


def test_a_notebook_alone_is_told(tool: ModuleType, pair: Path) -> None:
    """Either half."""
    (pair / "a.py").rename(pair / "b.py")
    assert tool.problems(pair) == [
        "a.ipynb has no a.py",
        "b.py has no b.ipynb: python tools/notebooks.py --write",
    ]


def test_a_cell_that_fails_or_warns_is_told(tool: ModuleType, tmp_path: Path) -> None:
    """What readers would see as noise is an error."""
    (tmp_path / "a.py").write_text("# %%\nimport sys\nsys.stderr.write('noise')\n")
    (tmp_path / "b.py").write_text("# %%\n1 / 0\n")
    noisy, broken = tool.run_all(tmp_path, None)
    assert noisy == "a.py: a.py, cell 1 writes to stderr:\nnoise"
    assert "ZeroDivisionError" in broken
