"""Uncertain dates in EDTF (ISO 8601-2), through the ``edtf`` package."""

from __future__ import annotations

import re
from calendar import IllegalMonthError, monthrange
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from edtf import parse_edtf
from edtf.parser.edtf_exceptions import EDTFParseException


@dataclass(frozen=True)
class UncertainDate:
    """A date as precisely as it is known.

    ``earliest`` and ``latest`` bound it inclusively; both are None only for an open or unknown date.
    """

    edtf: str
    earliest: date | None
    latest: date | None

    @property
    def years(self) -> tuple[int | None, int | None]:
        """First and last year it may lie in."""
        return (self.earliest.year if self.earliest else None, self.latest.year if self.latest else None)


#: Plain days, months and years, which are nearly all: the package's grammar takes 20 ms for each.
_PLAIN = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")


def _plain_date(text: str, year: int, month: int, day: int) -> UncertainDate:
    try:
        first = date(year, month or 1, day or 1)
        last = date(year, month or 12, day or monthrange(year, month or 12)[1])
    except (ValueError, IllegalMonthError) as error:
        raise ValueError(f"“{text}” is not a day of the calendar.") from error
    return UncertainDate(text, first, last)


@lru_cache(maxsize=8192)
def parse_date(edtf: str) -> UncertainDate:
    """Parse an EDTF string.

    :raises ValueError: when the text is no EDTF date; the message names the text.
    """
    text = (edtf or "").strip()
    if not text:
        return UncertainDate("", None, None)
    plain = _PLAIN.match(text)
    if plain:
        return _plain_date(text, *(int(part) if part else 0 for part in plain.groups()))
    try:
        parsed = parse_edtf(text)
    except EDTFParseException as error:
        raise ValueError(
            f"“{text}” is not an EDTF date (write 1944, 1944-05, 1944-05-12, 1944~ or 1943/1945)."
        ) from error
    return UncertainDate(text, _bound(parsed.lower_strict()), _bound(parsed.upper_strict()))


def _bound(value: object) -> date | None:
    year = getattr(value, "tm_year", None)
    if not isinstance(year, int) or not 1 <= year <= 9999:
        return None
    return date(year, max(1, value.tm_mon), max(1, value.tm_mday))  # type: ignore[attr-defined]
