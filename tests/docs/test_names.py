"""Every command, file and page that the documentation names exists."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from twin.cli.app import app
from twin.scenario.loader import load

from .conftest import PAGES, ROOT, blocks, prose

SHELLS = ("console", "sh", "bash")
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#[^)\s]*)?\)")
_PATH = re.compile(r"(?:twin|docs|scenarios|tools|tests|notebooks)/[\w./-]*\w")
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def lines(page: Path) -> list[list[str]]:
    """The command lines of a page's console blocks, as words."""
    text = "".join(block.text for block in blocks(page, *SHELLS))
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in text.splitlines() if line]


def inline(page: Path) -> list[list[str]]:
    """What stands in code spans, as words."""
    return [span.split() for span in _CODE.findall(prose(page))]


def twin_words(words: list[str]) -> list[str] | None:
    """The arguments of a call of `twin`; None of anything else, such as `twin COMMAND`."""
    is_twin = len(words) > 1 and words[0] in ("twin", ".venv/bin/twin")
    return words[1:] if is_twin and not words[1].isupper() else None


def command(words: list[str]) -> tuple[typer._click.core.Command, list[str]]:
    """Walk the tree of commands; return the last one and what follows its name."""
    found = typer.main.get_command(app)
    rest = list(words)
    while rest and (inner := getattr(found, "commands", None)):
        assert rest[0] in inner or rest[0].startswith("-"), f"twin has no command `{rest[0]}`"
        if rest[0].startswith("-"):
            break
        found = inner[rest.pop(0)]
    return found, rest


@by_page
def test_the_command_lines_it_shows_can_be_typed(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, options and the number of arguments, as the command line itself checks them."""
    monkeypatch.chdir(ROOT)
    for words in filter(None, map(twin_words, lines(page))):
        found, rest = command(words)
        if rest != ["--help"]:
            found.make_context("twin", rest)


@by_page
def test_the_scenarios_it_runs_load_with_what_it_sets(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--set` and `--override` name keys that exist."""
    monkeypatch.chdir(ROOT)
    for words in filter(None, map(twin_words, lines(page))):
        if words[0] not in ("run", "validate"):
            continue
        found, rest = command(words)
        given = found.make_context("twin", rest).params
        if given["scenario"].parts[0] == "scenarios":
            load(given["scenario"], override=given["override"], settings=given["setting"])


@by_page
def test_the_options_it_mentions_exist(page: Path) -> None:
    """In running text, where arguments are placeholders."""
    for words in filter(None, map(twin_words, inline(page))):
        found, rest = command(words)
        known = {
            option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        used = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert used <= known | {"--help", "--version"}, f"twin {' '.join(words)}"


@by_page
def test_the_targets_modules_and_tools_it_names_exist(page: Path) -> None:
    """`make X`, `python -m X`, `python tools/X`."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in (*lines(page), *inline(page)):
        match words:
            case ["make", target, *_]:
                assert target in targets, f"make {target}"
            case ["python", "-m", module, *_]:
                assert importlib.util.find_spec(module), module
            case ["python", script, *_] if script.endswith(".py"):
                assert (ROOT / script).is_file(), script


@by_page
def test_its_links_lead_somewhere(page: Path) -> None:
    """Anchors within docs are checked when the pages are built."""
    links = _LINK.findall(prose(page))
    assert [link for link in links if link and not (page.parent / link).exists()] == []


@by_page
def test_the_files_it_names_exist(page: Path) -> None:
    """In code spans, from the root of the project."""
    if page.name == "CHANGELOG.md":
        return  # tells of files that were
    spans = _CODE.findall(prose(page))
    paths = {path for span in spans for path in _PATH.findall(span) if span.startswith(path)}
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


def pages_of(entry: str | dict[str, list[str]]) -> list[str]:
    """The pages of an entry of the menu: one, or those of a chapter."""
    return [entry] if isinstance(entry, str) else next(iter(entry.values()))


def test_every_page_is_in_the_menu() -> None:
    """And nothing else."""
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    pages = [page for entry in menu for page in pages_of(entry)]
    assert sorted(pages) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))
