"""`twin doctor`: does this machine have what a run needs?"""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

_PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "pyarrow",
    "pandapower",
    "simbench",
    "simpy",
    "mesa",
    "matplotlib",
)


def examine() -> int:
    """Check packages, the results folder and compiled code; return 0, or 2 if something is missing."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        *((name, lambda name=name: _package(name)) for name in _PACKAGES),
        ("results folder", _writable),
        ("compiled code", _compiles),
    )
    typer.echo(f"Python {platform.python_version()} on {platform.machine()}")
    failed = 0
    for what, check in checks:
        try:
            typer.echo(f"ok       {what}: {check()}")
        except (ImportError, OSError, ArithmeticError) as error:
            failed += 1
            typer.echo(f"missing  {what}: {error}")
    return 2 if failed else 0


def _package(name: str) -> str:
    import_module(name)
    return metadata.version(name)


def _writable() -> str:
    place = Path("results") if Path("results").is_dir() else Path()
    with TemporaryDirectory(dir=place):
        return f"{place.resolve()} can be written"


def _compiles() -> str:
    import numpy as np

    from twin.control import allocate_kernels

    rank = allocate_kernels.rank
    return f"{getattr(rank, '__name__', 'kernel')} loads, numpy {np.__version__}"
