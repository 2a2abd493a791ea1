"""Smaller SVG that draws the same: a page holds its figures, and figures of a week hold thousands of points.

Paths become relative (SVG 1.1, 8.3), on a grid of a hundredth of a point, without the points in the middle of straight
lines: the flat parts of steps and the lower edge of areas. Nothing moves by more than 0.005 pt, a 14,000th of an inch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PER_PT = 100
_DATA = re.compile(r' d="([^"]*)"')
_TOKEN = re.compile(r"[MLQCz]|-?[\d.]+(?:e-?\d+)?")
_PAIRS = {"M": 1, "L": 1, "Q": 2, "C": 3, "z": 0}
_BETWEEN = re.compile(r">\s+<")
_GROUP = re.compile(r'<g id="[^"]*"')
_STYLE = re.compile(r' style="([^"]*)"')
_SHIFT = re.compile(r'(<use xlink:href="[^"]*") transform="translate\((-?[\d.]+) 0\)"')
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)

_Step = tuple[str, list[int]]
"""A relative command and its numbers, in hundredths of a point."""


def compact(svg: str) -> str:
    """Return an SVG of matplotlib (text as paths) that draws the same in fewer characters."""
    svg = _METADATA.sub("", svg)
    svg = _DATA.sub(lambda found: f' d="{path_data(found[1])}"', svg)
    svg = _STYLE.sub(lambda found: f' style="{found[1].replace(": ", ":").replace("; ", ";")}"', svg)
    svg = _SHIFT.sub(r'\1 x="\2"', svg)
    return _BETWEEN.sub("><", _GROUP.sub("<g", svg))


def path_data(data: str) -> str:
    """Return the shortest data of a path of `M`, `L`, `Q`, `C` and `z` with absolute coordinates in points."""
    out: list[str] = []
    before = ""
    for command, numbers in _shortened(_relative(data)):
        text = "".join(_number(value, first=k == 0) for k, value in enumerate(numbers))
        if command != before or command == "m":  # numbers that go on after a move are lines
            out.append(command)
        elif not text.startswith("-"):
            out.append(" ")
        out.append(text)
        before = command
    return "".join(out)


def _relative(data: str) -> Iterator[_Step]:
    """Commands with coordinates relative to where the one before ended."""
    tokens = iter(_TOKEN.findall(data))
    here, begin = (0, 0), (0, 0)
    for command in tokens:
        numbers: list[int] = []
        end = here
        for _ in range(_PAIRS[command]):
            end = (round(float(next(tokens)) * _PER_PT), round(float(next(tokens)) * _PER_PT))
            numbers += (end[0] - here[0], end[1] - here[1])
        if command == "M":
            begin = end
        here = begin if command == "z" else end
        yield command.lower(), numbers


def _shortened(steps: Iterator[_Step]) -> Iterator[_Step]:
    """Straight steps in one direction as one, along an axis by one number."""
    run: list[int] = []
    for command, numbers in steps:
        if command == "l" and run and _goes_on(run, numbers):
            run = [run[0] + numbers[0], run[1] + numbers[1]]
            continue
        if run:
            yield _straight(*run)
        run = numbers if command == "l" else []
        if command != "l":
            yield command, numbers
    if run:
        yield _straight(*run)


def _goes_on(a: list[int], b: list[int]) -> bool:
    """Whether two steps lie on one line and do not turn back; a step of nothing always does."""
    return a[0] * b[1] == a[1] * b[0] and a[0] * b[0] + a[1] * b[1] >= 0


def _straight(dx: int, dy: int) -> _Step:
    if dy == 0:
        return "h", [dx]
    return ("v", [dy]) if dx == 0 else ("l", [dx, dy])


def _number(value: int, *, first: bool) -> str:
    """`12.5`, `-.25`; with a space in front where nothing else parts it from the one before."""
    whole, part = divmod(abs(value), _PER_PT)
    decimals = f".{part:02d}".rstrip("0") if part else ""
    digits = f"{whole or ''}{decimals}" or "0"
    sign = "-" if value < 0 else "" if first else " "
    return f"{sign}{digits}"
