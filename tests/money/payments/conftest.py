"""What tests of the wire share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.money.payments.stripe_bench import Bench, bench
from tests.money.payments.stripe_line import StripeLine


@pytest.fixture
def stripe_server() -> Iterator[Bench]:
    """A loopback server with the SDK before it."""
    with bench() as made:
        yield made


@pytest.fixture
def line() -> Iterator[StripeLine]:
    """The adapter against the server."""
    made = StripeLine()
    yield made
    made.close()
