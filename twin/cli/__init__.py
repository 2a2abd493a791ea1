"""The command line: `twin COMMAND`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import io
import os
import sys
import traceback
from errno import EPIPE

from twin.errors import AuditError, IllegalTransition, TwinError

UNUSABLE = 2
DEFECT = 70
"""EX_SOFTWARE of BSD's sysexits: never 1, which says that a limit of the grid is violated."""
INTERRUPTED = 130
CLOSED = 141
"""What a shell says of a program that ended since nobody reads its output any more (128 + SIGPIPE)."""

_WRITERS = {"click", "typer", "rich"}
"""Whatever goes to the terminal goes through one of these; files never do."""
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run the command line; every way to fail has its exit code."""
    for variable in _ONE_THREAD:  # the matrices are small, and workers would step on each other's feet
        os.environ.setdefault(variable, "1")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no umlauts shows them as \\xfc
            stream.reconfigure(errors="backslashreplace")
    from twin.cli.app import app

    given = sys.stdout
    try:
        app()
    except SystemExit:
        if sys.stdout is not given:  # typer hides a pipe that was closed, and exits with 1: a violation
            _forget_output()
            raise SystemExit(CLOSED) from None
        raise
    except (AuditError, IllegalTransition) as error:
        _tell(error)
        _defect()
    except TwinError as error:
        _tell(error)
        raise SystemExit(UNUSABLE) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except OSError as error:
        if not _while_telling(error):
            traceback.print_exc()
            _defect()
        _forget_output()
        if error.errno == EPIPE:
            raise SystemExit(CLOSED) from None
        sys.stderr.write(f"standard output: cannot be written ({error.strerror}); make room there\n")
        raise SystemExit(UNUSABLE) from None
    except Exception:  # noqa: BLE001 -- whatever it is, it is ours, and 1 would be read as a violation
        traceback.print_exc()
        _defect()


def _tell(error: TwinError) -> None:
    for line in (str(error), *getattr(error, "__notes__", ())):
        sys.stderr.write(f"{line}\n")


def _while_telling(error: OSError) -> bool:
    """Whether it was the terminal, or the file or pipe in its place, that could not be written."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return str(frames[-1].f_globals["__name__"]).split(".")[0] in _WRITERS


def _forget_output() -> None:
    """Let what could not be written go nowhere: Python would try again at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _defect() -> None:
    sys.stderr.write("this is a defect of twin, not of your scenario: please report it with the scenario\n")
    raise SystemExit(DEFECT) from None
