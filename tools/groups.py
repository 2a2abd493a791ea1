"""Print the requirements of dependency groups in pyproject.toml, for pips that do not know `--group`."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

groups = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["dependency-groups"]
wanted = [requirement for name in sys.argv[1:] for requirement in groups[name]]
sys.stdout.write(shlex.join(wanted) + "\n")
