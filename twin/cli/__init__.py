"""The command line: `twin COMMAND`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
import traceback

from twin.errors import AuditError, IllegalTransition, TwinError

UNUSABLE = 2
DEFECT = 70
"""EX_SOFTWARE of BSD's sysexits: never 1, which says that a limit of the grid is violated."""
INTERRUPTED = 130

_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run the command line; every way to fail has its exit code."""
    for variable in _ONE_THREAD:  # the matrices are small, and workers would step on each other's feet
        os.environ.setdefault(variable, "1")
    from twin.cli.app import app

    try:
        app()
    except (AuditError, IllegalTransition) as error:
        _tell(error)
        _defect()
    except TwinError as error:
        _tell(error)
        raise SystemExit(UNUSABLE) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except Exception:  # noqa: BLE001 -- whatever it is, it is ours, and 1 would be read as a violation
        traceback.print_exc()
        _defect()


def _tell(error: TwinError) -> None:
    for line in (str(error), *getattr(error, "__notes__", ())):
        sys.stderr.write(f"{line}\n")


def _defect() -> None:
    sys.stderr.write("this is a defect of twin, not of your scenario: please report it with the scenario\n")
    raise SystemExit(DEFECT) from None
