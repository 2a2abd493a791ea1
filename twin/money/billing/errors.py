"""What a tariff or a session can be so wrong that no price follows."""

from __future__ import annotations

from collections.abc import Sequence

from twin.errors import TwinError


class PricingError(TwinError):
    """A tariff or a session that cannot be priced: names every problem found."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[PricingError], tuple[tuple[str, ...]]]:
        """Pickle the problems, not their text: errors come back from worker processes."""
        return type(self), (self.problems,)
