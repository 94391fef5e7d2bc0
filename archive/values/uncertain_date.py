"""Uncertain dates in EDTF (ISO 8601-2), through the ``edtf`` package."""

from __future__ import annotations

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


@lru_cache(maxsize=8192)
def parse_date(edtf: str) -> UncertainDate:
    """Parse an EDTF string.

    :raises ValueError: when the text is no EDTF date; the message names the text.
    """
    text = (edtf or "").strip()
    if not text:
        return UncertainDate("", None, None)
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
