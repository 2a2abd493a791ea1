"""Check and execute the notebooks: `python tools/notebooks.py`.

A notebook is a pair. The percent script is what people review; the .ipynb is what Jupyter opens, without outputs.
Both are executed in a copy of the project's scenarios, so that no run is left behind. `--write` makes the .ipynb
anew from the scripts; `--keep DIR` keeps what was executed, with its outputs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[1]
CELL_TIMEOUT_S = 180
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def made(script: Path) -> Any:
    """Return the notebook that a script stands for: no outputs, the same bytes every time."""
    notebook = jupytext.read(script)
    notebook.metadata = {"kernelspec": KERNEL, "jupytext": {"formats": "ipynb,py:percent"}}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for k, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{k}"
        cell.metadata = {}
    return notebook


def text(script: Path) -> str:
    """Return the .ipynb as it stands in git."""
    return str(nbformat.writes(made(script), version=4)) + "\n"


def problems(folder: Path) -> list[str]:
    """Say what is wrong with the pairs of a folder."""
    scripts, books = (
        {path.stem: path for path in sorted(folder.glob(f"*.{end}"))} for end in ("py", "ipynb")
    )
    found = [f"{name}.ipynb has no {name}.py" for name in books.keys() - scripts.keys()]
    for name, script in scripts.items():
        if name not in books:
            found.append(f"{name}.py has no {name}.ipynb: python tools/notebooks.py --write")
            continue
        stored = nbformat.read(books[name], as_version=4)
        if any(cell.get("outputs") or cell.get("execution_count") for cell in stored.cells):
            found.append(f"{name}.ipynb holds outputs: python tools/notebooks.py --write")
        elif books[name].read_text(encoding="utf-8") != text(script):
            found.append(f"{name}.ipynb differs from {name}.py: python tools/notebooks.py --write")
    return sorted(found)


def executed(script: Path) -> Any:
    """Run a script as a notebook, in its own folder; return it with its outputs.

    Raises:
        CellExecutionError: A cell failed.
        RuntimeError: A cell wrote to stderr: readers would see noise.
    """
    notebook = made(script)
    env = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}  # figures appear inline
    resources = {"metadata": {"path": str(script.parent)}}
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        resources=resources,
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env=env)
    for k, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{script.name}, cell {k} writes to stderr:\n{output['text']}")
    return notebook


def run_all(folder: Path, keep: Path | None) -> list[str]:
    """Execute every script of a folder beside a copy of the scenarios; return what failed."""
    failed = []
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(ROOT / "scenarios", Path(place) / "scenarios")
        copy = Path(shutil.copytree(folder, Path(place) / "notebooks"))
        for script in sorted(copy.glob("*.py")):
            try:
                notebook = executed(script)
            except (CellExecutionError, RuntimeError) as error:
                failed.append(f"{script.name}: {error}")
                continue
            figures = sum(
                "image/png" in o.get("data", {}) for c in notebook.cells for o in c.get("outputs", ())
            )
            sys.stdout.write(f"{script.stem}: {len(notebook.cells)} cells, {figures} figures\n")
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                nbformat.write(notebook, keep / f"{script.stem}.ipynb")
    return failed


def main(argv: Sequence[str] | None = None) -> int:
    """Check the pairs, then execute them; return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description="Check and execute the notebooks.")
    parser.add_argument("--write", action="store_true", help="make the .ipynb anew from the scripts")
    parser.add_argument("--check", action="store_true", help="check the pairs, execute nothing")
    parser.add_argument("--keep", type=Path, help="folder for the executed notebooks")
    asked = parser.parse_args(argv)
    folder = ROOT / "notebooks"
    if asked.write:
        for script in sorted(folder.glob("*.py")):
            script.with_suffix(".ipynb").write_text(text(script), encoding="utf-8")
        return 0
    found = problems(folder)
    if not found and not asked.check:
        found = run_all(folder, asked.keep)
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
