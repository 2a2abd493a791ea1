"""Reading what a scenario consists of: every failure is a problem with a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from twin.errors import Problem, ScenarioError
from twin.scenario.document import Document
from twin.scenario.nearest import hint

SUFFIXES = (".yaml", ".yml", ".toml", ".json")


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file with plain line feeds, or raise a ScenarioError that says why not."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ScenarioError([Problem(str(path), 0, "", why_unreadable(path, exc))]) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        said = f"byte 0x{data[exc.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ScenarioError([Problem(str(path), line, "", said)]) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def why_unreadable(path: Path, exc: OSError) -> str:
    """Say why a file cannot be read, and what might have been meant."""
    if isinstance(exc, FileNotFoundError):
        if not path.parent.is_dir():
            return f"no such file; there is no folder {path.parent}"
        siblings = [p.name for p in path.parent.iterdir() if p.is_file()]
        near = hint(path.name, siblings)
        return f"no such file{near if near.startswith(', did') else ''}"
    if isinstance(exc, IsADirectoryError):
        inside = sorted(p.name for p in path.iterdir() if p.suffix in SUFFIXES)
        return f"a folder, not a file{hint('', inside)}"
    return f"cannot be read: {exc.strerror}"


def read_document(path: Path) -> Document:
    """Parse one YAML or TOML file.

    Raises:
        ScenarioError: The file cannot be read or parsed.
    """
    text = read_text(path)
    if path.suffix.lower() == ".toml":
        from twin.scenario.toml_reader import read_toml  # noqa: PLC0415 -- most scenarios are YAML

        return read_toml(text, str(path))
    from twin.scenario.yaml_reader import read_yaml  # noqa: PLC0415

    return read_yaml(text, str(path))


@contextmanager
def in_files(files: Mapping[str, Path]) -> Iterator[None]:
    """Give problems that know a file by its name alone the way to it, as the scenario has it."""
    try:
        yield
    except ScenarioError as error:
        problems = [replace(p, file=str(files.get(p.file, p.file))) for p in error.problems]
        raise ScenarioError(problems) from error.__cause__
