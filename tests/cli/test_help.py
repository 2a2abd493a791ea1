"""What the command line teaches, and how it says that it was not understood."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import pytest
import typer.main

from twin.cli.app import app

Cli = Callable[..., Any]
ROOT = typer.main.get_command(app)


def commands(group: Any = ROOT, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that lead to it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name), command


COMMANDS = dict(commands())


def test_there_are_these_commands() -> None:
    """Adding or losing one is a decision."""
    assert sorted(" ".join(words) for words in COMMANDS) == [
        "compare",
        "csms",
        "doctor",
        "hosting",
        "import sessions",
        "powerflow",
        "price",
        "receipt",
        "report",
        "run",
        "schema",
        "sequence",
        "statement",
        "station",
        "strategies",
        "sweep",
        "validate",
        "vehicles",
        "verify",
    ]


def test_help_names_every_command_and_where_to_start(cli: Cli) -> None:
    """A stranger knows what to type next, and what exit codes mean."""
    told = cli("--help")
    assert told.code == 0
    assert told.err == ""
    for words in COMMANDS:
        assert f" {words[0]} " in told.out
    assert "twin run scenarios/00-hello.yaml" in told.out
    for code in ("0 ok", "1 limits violated", "2 unusable", "70 a defect", "130 interrupted"):
        assert code in " ".join(told.out.split())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_its_options(cli: Cli, words: tuple[str, ...]) -> None:
    """The docstring comes first, and no option stands there without a meaning."""
    command = COMMANDS[words]
    told = cli(*words, "--help")
    assert told.code == 0
    first = inspect.cleandoc(command.help).splitlines()[0]
    assert first in " ".join(told.out.split())
    assert [p.name for p in command.params if not getattr(p, "help", None)] == []


def test_no_command_shows_the_help(cli: Cli) -> None:
    """`twin` alone is a question; as for every question that is none, the exit code is 2."""
    told = cli()
    assert told.code == 2
    assert "twin run scenarios/00-hello.yaml" in told.out + told.err


def test_the_version(cli: Cli) -> None:
    """For bug reports."""
    assert cli("--version") == (0, f"twin {metadata.version('twin')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rum",), "No such command 'rum'"),
        (("run",), "Missing argument 'scenario'"),
        (("run", "hello.yaml", "--sed", "3"), "No such option: --sed"),
        (("run", "hello.yaml", "--seed", "-1"), "Invalid value for '--seed'"),
        (("run", "hello.yaml", "--seeds", "many"), "Invalid value for '--seeds'"),
        (("run", "hello.yaml", "--workers", "0"), "Invalid value for '--workers'"),
        (("import", "sessions", "a.csv"), "Missing argument 'target'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_not_understood_exits_with_2(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    """One message on stderr, nothing on stdout."""
    told = cli(*arguments)
    assert told.code == 2
    assert told.out == ""
    assert said in " ".join(told.err.split())
