"""The server of PostgreSQL that tests use: Debian's where it is installed, else a package's, never none."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import postgres


def test_each_asker_gets_an_empty_database(postgres_server: postgres.Server) -> None:
    """What one writes, the next does not find."""
    for _ in range(2):
        engine = sa.create_engine(postgres_server.fresh())
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE once (n int)")
            assert connection.exec_driver_sql("SELECT count(*) FROM once").scalar() == 0
        engine.dispose()


def test_the_package_serves_where_debian_has_none(tmp_path: Path) -> None:
    """Without Debian's packages a server of the Python package runs, root or not, and is gone at the end."""
    with postgres.running(root=tmp_path) as server:
        engine = sa.create_engine(server.fresh())
        with engine.connect() as connection:
            folder = Path(str(connection.exec_driver_sql("SHOW data_directory").scalar()))
            version = int(str(connection.exec_driver_sql("SHOW server_version_num").scalar()))
        engine.dispose()
        assert version >= 160_000
        assert folder.exists()
    assert not folder.parent.exists()


def test_no_postgresql_at_all_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    """Never a skip: a database that was not tested must not look as if it was."""
    with (
        pytest.raises(RuntimeError, match="PostgreSQL is missing"),
        postgres.running(root=tmp_path, package="no_such"),
    ):
        pass


def test_the_newest_of_debian_is_taken(tmp_path: Path) -> None:
    """By number, not by letters: 16 before 9.6; a folder without programs does not count."""
    for version in ("9.6", "16", "15", "99"):
        (tmp_path / version / "bin").mkdir(parents=True)
        if version != "99":
            (tmp_path / version / "bin" / "initdb").touch()
    assert postgres.installed(tmp_path) == tmp_path / "16" / "bin"
