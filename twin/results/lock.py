"""One writer per folder: a lock that the operating system takes back from whoever dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twin.errors import SettingsError
from twin.results.folder import LOCK, refuse_foreign, unwritable

if sys.platform != "win32":
    import fcntl


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Own a run's folder: made if it is not there, and nobody else writes into it until the end.

    Raises:
        SettingsError: Another run is writing there, the place holds something else, or cannot be written;
            nothing in it was changed.
    """
    path = Path(path)
    try:
        refuse_foreign(path)
    except OSError as error:
        raise unwritable(path, error) from error
    with locked(path):
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Own a folder, whatever it holds: made if it is not there, and nobody else writes into it until the end.

    Raises:
        SettingsError: Another run is writing there, or the place cannot be written; nothing in it was changed.
    """
    lock = path / LOCK
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = _take(lock)
    except BlockingIOError:
        raise SettingsError(
            f"{path}: another run is writing here; wait for it or name another output folder"
        ) from None
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield
    finally:
        if sys.platform == "win32":  # an open file cannot be removed there
            os.close(descriptor)
        with suppress(OSError):  # one that stays is taken by the next run: it belongs to nobody
            lock.unlink()
        if sys.platform != "win32":
            os.close(descriptor)


def _take(lock: Path) -> int:
    """Open and lock the file, or raise BlockingIOError.

    Whoever ends removes the file, perhaps between our opening and our locking it: then the lock is one on a
    file without a name, and worth nothing.
    """
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if sys.platform == "win32":
                return descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_file(lock, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_file(lock: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
