"""From a page's model to one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from twin.errors import SettingsError
from twin.report.model import Page
from twin.results.folder import write_aside


def render(page: Page) -> str:
    """Fill the template; whatever came from files or people is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 -- only pages need it

    environment = Environment(
        loader=PackageLoader("twin.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=False,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2").render(page=page)


def write(page: Page, path: Path | str) -> Path:
    """Write the page, whole or not at all, and return where it is.

    Raises:
        SettingsError: The file cannot be written.
    """
    path = Path(path)
    text = render(page)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be written ({error.strerror}); name another place for the page"
        ) from error
    write_aside(path, text.encode())
    return path
