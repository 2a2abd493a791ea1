"""Compact SVG draws the same: paths are read back by a reader of their own and compared with what went in."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.report.compact import compact, path_data
from twin.report.style import draw, styled, svg

_COUNT = {"m": 2, "l": 2, "h": 1, "v": 1, "q": 4, "c": 6}
Points = list[tuple[float, float]]


def read_back(data: str) -> list[Points]:
    """Absolute points of each sub-path, by the grammar of SVG 1.1, 8.3 (curves by all of their points)."""
    paths: list[Points] = []
    x = y = 0.0
    for command, rest in re.findall(r"([a-z])([^a-z]*)", data):
        numbers = [float(n) for n in re.findall(r"-?\d*\.?\d+", rest)]
        if command == "z":
            paths[-1].append(paths[-1][0])
            x, y = paths[-1][0]
            continue
        size = _COUNT[command]
        assert numbers
        assert len(numbers) % size == 0
        for k in range(0, len(numbers), size):
            step = numbers[k : k + size]
            if command in "hv":
                step = [step[0], 0.0] if command == "h" else [0.0, step[0]]
            if command == "m":
                paths.append([])
            start = (x, y)
            for dx, dy in zip(step[::2], step[1::2], strict=True):
                x, y = start[0] + dx, start[1] + dy
                paths[-1].append((x, y))
    return paths


def distance(point: tuple[float, float], path: Points) -> float:
    """From a point to the nearest place of a polyline."""
    p, ends = np.array(point), np.array(path)
    a, b = ends[:-1], ends[1:]
    along = ((p - a) * (b - a)).sum(axis=1) / np.maximum(((b - a) ** 2).sum(axis=1), 1e-12)
    nearest = a + np.clip(along, 0.0, 1.0)[:, None] * (b - a)
    return float(np.hypot(*(nearest - p).T).min())


coordinates = st.floats(-900, 900).map(lambda x: round(x, 3))
points = st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=30)
steps = st.lists(st.tuples(coordinates, st.sampled_from([0.0, 10.0, 20.25])), min_size=2, max_size=30)


class TestPaths:
    @pytest.mark.parametrize(
        ("data", "short"),
        [
            ("M 1 2 \nL 3.5 2 \nL 3.5 4.25 \n", "m1 2h2.5v2.25"),
            ("M 0 0 L 1 0 L 2 0 L 2 1 L 2 3 L 1 3", "m0 0h2v3h-1"),
            ("M 0 0 L 2 0 L 1 0", "m0 0h2-1"),
            ("M 0 0 L 1 1 L 3 3 L 2.99 4.001 z", "m0 0l3 3-.01 1z"),
            ("M 5 5 L 5 5", "m5 5h0"),
            ("M 1 1 L 2 2 z M 4 4 L 5 4", "m1 1l1 1zm3 3h1"),
            ("M 1 1 M 2 2 L 3 5", "m1 1m1 1l1 3"),
            ("M 0 0 Q 1 2 3 4 Q 5 6 3 4", "m0 0q1 2 3 4 2 2 0 0"),
            ("M 10 0 C 10 1 9 2 8 2", "m10 0c0 1-1 2-2 2"),
        ],
    )
    def test_by_hand(self, data: str, short: str) -> None:
        """Relative, straight runs as one, axes by one number."""
        assert path_data(data) == short

    @given(st.one_of(points, steps))
    def test_no_point_moves_by_more_than_the_grid(self, given_points: Points) -> None:
        """Every point that went in lies on what came out, to half a hundredth of a point in each direction."""
        data = "M " + " L ".join(f"{x} {y}" for x, y in given_points)
        (made,) = read_back(path_data(data))
        assert len(made) <= len(given_points)
        assert max(distance(point, made) for point in given_points) <= 0.005 * 2**0.5 + 1e-9

    @given(st.lists(points, min_size=1, max_size=4))
    def test_closed_paths_stay_apart(self, each: list[Points]) -> None:
        """Each begins where it did, however the one before ended."""
        data = " ".join("M " + " L ".join(f"{x} {y}" for x, y in path) + " z" for path in each)
        made = read_back(path_data(data))
        begins = [path[0] for path in made]
        np.testing.assert_allclose(begins, [path[0] for path in each], atol=0.005 + 1e-9)


class TestFigures:
    def test_a_week_of_steps_takes_a_quarter(self) -> None:
        """Area and line of 700 steps; the stamp stays readable, and the file is XML."""
        t = np.arange(700)
        power = np.round(50 + 40 * np.sin(t / 20))

        def paint(ax) -> None:
            ax.fill_between(t, 0, power, step="pre")
            ax.step(t, power)

        with styled():
            made = svg(draw(paint, size_in=(11, 3.5), stamp="run-7"))
        assert "run-7" in made
        ET.fromstring(made)
        drawn = [path for path in re.findall(r' d="([^"]*)"', made) if len(path) > 1_000]
        assert 2 <= len(drawn) <= 3
        assert all(len(path) < 700 * 10 for path in drawn)  # a step took 40 characters

    def test_glyphs_keep_their_places(self) -> None:
        """A shift along the line is the same as an x."""
        text = '<g id="text_1">\n <use xlink:href="#DejaVuSans-18" transform="translate(83.796 0)"/>\n</g>'
        assert compact(text) == '<g><use xlink:href="#DejaVuSans-18" x="83.796"/></g>'
