"""The command line: `twin COMMAND`. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys

from twin.errors import TwinError


def main() -> None:
    """Run the command line; errors of the user's input exit with 2, an interruption with 130."""
    from twin.cli.app import app

    try:
        app()
    except TwinError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: the tables up to the last part are readable\n")
        raise SystemExit(130) from None
