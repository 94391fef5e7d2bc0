"""What a source gives as an address and is none of the web stays outside, and the report says so."""

from __future__ import annotations

from dataclasses import replace

from archive.importing.parsed import ParsedWork
from archive.importing.problems import problem
from archive.values.addresses import web_address

#: Facts of a work that a page, an export or a harvester may lead to.
_FACTS = ("licence_uri", "institution_uri", "collection_uri")


def web_addresses_only(work: ParsedWork) -> ParsedWork:
    """The work without those of its addresses that lead to no place on the web."""
    wrong = {name: given for name in _FACTS if (given := getattr(work, name)) and not web_address(given)}
    if not wrong:
        return work
    found = [problem("address-not-web", work.file, value=given) for given in wrong.values()]
    return replace(work, **dict.fromkeys(wrong, ""), problems=(*work.problems, *found))  # type: ignore[arg-type]
