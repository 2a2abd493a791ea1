"""What every part of a scenario is built from: the closed base class and checked values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializationInfo,
    Strict,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

YEARS = range(1970, 2101)
"""In which runs and faults may lie: what clocks do is known neither long before nor long after."""
NO_OFFSET = "no_offset"
"""Type of the error of a time without an offset; its context has the `civil` time."""

FILES = "files"
"""Key of the context of a dump: a function from a file's name to what is written for it."""


class Section(BaseModel):
    """Base of every part of a scenario: closed, frozen, documented by its docstrings."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, defer_build=True
    )


def wrong(text: str) -> PydanticCustomError:
    """Return the error of a validator whose message is `text` and nothing else."""
    return PydanticCustomError("scenario", "{text}", {"text": text})


def _instant(value: Any) -> Any:
    if isinstance(value, datetime):
        value = value.isoformat()
    if not isinstance(value, str):
        raise wrong(f"expected a time such as `2016-01-18T00:00:00+01:00`, got {value!r}")
    try:
        made = datetime.fromisoformat(value)
    except ValueError:
        raise wrong(f"`{value}` is no time; write it as `2016-01-18T00:00:00+01:00`") from None
    if made.year not in YEARS:
        raise wrong(f"`{value}` is outside the years {YEARS.start} to {YEARS.stop - 1}")
    if made.tzinfo is None:
        raise PydanticCustomError(NO_OFFSET, "has no UTC offset", {"civil": made})
    return made


def _bus(value: Any) -> Any:
    """A bus that goes by its index may be written without quotes."""
    return str(value) if type(value) is int else value


def exact_price(value: Any) -> Any:
    """0.32 means thirty-two hundredths, not the nearest binary number."""
    return repr(value) if type(value) in (int, float) else value


def _file(value: str, info: SerializationInfo) -> str:
    """Whoever dumps a scenario may say how its files are named: see `dump`."""
    named = (info.context or {}).get(FILES)
    return value if named is None else str(named(value))


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""Letters, digits, `-` and `_`: names appear in identifiers, paths and result tables."""

Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2016-01-18T00:00:00+01:00"]}),
]
"""An instant with its UTC offset, which must be that of the scenario's `time_zone`, or `Z`."""

ClockTime = Annotated[
    str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$", examples=["06:00", "22:30"])
]
"""Civil time of day, `HH:MM`; 24:00 is midnight at the end of the day."""

BusName = Annotated[
    str, BeforeValidator(_bus), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]})
]
"""A bus by its name, or by its index where the grid has no unique name for it."""

FilePath = Annotated[str, Field(min_length=1, max_length=1024), PlainSerializer(_file)]
"""A file, relative to the scenario file that names it."""

Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Share = Annotated[float, Strict(), Field(ge=0, le=100)]
"""A share in percent."""
