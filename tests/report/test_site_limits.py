from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from twin.report import html, page
from twin.report.chapters import limits
from twin.report.frames import Frames, has_site_limits
from twin.results.schema import TABLES

MakeFrames = Callable[..., Frames]


class TestSiteLimits:
    def rows(self) -> pd.DataFrame:
        """A garage's transformer of 50 kW for 35 minutes up to 127.5 kW, and its main fuse of 63 A."""
        common = {
            "start_s": 0.0,
            "without_charging": False,
            "minutes_by_charging": 35.0,
            "sessions": "e1#1",
            "phase": None,
            "detail": None,
        }
        return pd.DataFrame([
            common | {"element": "garage/transformer", "kind": "site power", "end_s": 2_100.0, "worst": 127_500.0, "limit": 50_000.0},
            common | {"element": "garage/main", "kind": "site current", "end_s": 7_800.0, "worst": 80.25, "limit": 63.0},
        ])  # fmt: skip

    def test_are_told_by_site_and_limit_in_their_own_unit(self, make_frames: MakeFrames) -> None:
        """W become kW, A stay A; the longest first."""
        found = limits.verdict(make_frames(violations=self.rows()))
        assert found.tone == "bad"
        assert found.text == (
            "The limit main of site garage was exceeded for 2 h 10 min; worst 80.2 A of 63 A. "
            "The limit transformer of site garage was exceeded for 35 minutes; worst 127.5 kW of 50 kW. "
            "All voltages and loadings of the feeder stayed within their limits."
        )

    def test_have_their_chapter_without_a_feeder_too(self, make_frames: MakeFrames) -> None:
        """With both tables, a card, and no word about a second power flow."""
        frames = make_frames(topology=None, site_limits=True, violations=self.rows())
        made = limits.chapter(frames)
        assert made is not None
        assert made.title == "Limits of the sites"
        text = html.render(page.page(frames))
        assert "solved a second time" not in text
        assert "127.5 kW" in str(limits.by_element(frames).rows)
        assert [c.name for c in page.cards(frames) if c.tone == "bad"] == ["Outside limits"]
        assert text.index('<section id="') == text.index('<section id="limits"')

    def test_that_are_kept_are_told_as_kept(self, make_frames: MakeFrames) -> None:
        """With a feeder in its sentence, without one in a sentence of their own."""
        kept = TABLES["violations"].empty_table().to_pandas()
        both = limits.verdict(make_frames(site_limits=True, violations=kept))
        alone = limits.verdict(make_frames(site_limits=True, violations=kept, topology=None))
        assert both.text.startswith("All voltages, loadings and limits of sites stayed within their limits")
        assert alone.text.startswith("The limits of all sites were kept for all of the 2 days. No feeder")
        assert (both.tone, alone.tone) == ("good", "good")

    def test_many_are_counted(self, make_frames: MakeFrames) -> None:
        """Three sentences, then the rest as a number."""
        rows = pd.concat([self.rows().head(1).assign(element=f"s{k}/main") for k in range(5)])
        assert limits.sentences(make_frames(violations=rows))[3:] == [
            "2 more limits of sites were exceeded for shorter."
        ]

    @pytest.mark.parametrize(
        ("text", "limited"),
        [
            ("sites: {a: {limits: {main: {limit_a: 63}}}}", True),
            ("sites: {a: {limits: {}}, b: {}}", False),
            ("days: 1", False),
        ],
    )
    def test_are_read_from_the_scenario(self, text: str, limited: bool) -> None:
        """Any site with any limit."""
        assert has_site_limits(text) is limited
