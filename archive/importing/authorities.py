"""Identifiers of people, places, organisations and concepts: one spelling for each scheme, and who names what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from archive.importing.parsed import ParsedEntity, ParsedTrack

#: Mark types that name something which can have an authority record, and the kind of that record.
ENTITY_KINDS = {"person": "person", "place": "place", "organisation": "organisation", "term": "concept"}

#: What our exports call a concept that nobody outside has named, before its public id.
OWN_CONCEPT = "urn:x-cairn:"

#: Vocabularies that one institution publishes under a second address: data files of the EHRI terms and camps, which its
#: portal and its editions name otherwise.
_RULES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), scheme, uri)
    for pattern, scheme, uri in (
        (r"^https?://(?:www\.|sws\.)?geonames\.org/(\d+)", "geonames", "https://www.geonames.org/{}"),
        (
            r"^https?://(?:www\.)?wikidata\.org/(?:wiki|entity)/(Q\d+)",
            "wikidata",
            "https://www.wikidata.org/entity/{}",
        ),
        (
            r"^https?://data\.ehri-project\.eu/(?:vocabularies/ehri-terms/|ehri-skos/\?tema=)(\d+)",
            "ehri",
            "https://portal.ehri-project.eu/keywords/ehri_terms-{}",
        ),
        (
            r"^https?://data\.ehri-project\.eu/ehri-camps/(\d+)",
            "ehri",
            "https://portal.ehri-project.eu/keywords/ehri_camps-{}",
        ),
        (r"^https?://(?:www\.)?viaf\.org/viaf/(\d+)", "viaf", "https://viaf.org/viaf/{}"),
        (r"^https?://d-nb\.info/gnd/([0-9X-]+)", "gnd", "https://d-nb.info/gnd/{}"),
        (
            r"^https?://portal\.ehri-project\.eu/(?:admin/)?keywords/([^/?#]+)",
            "ehri",
            "https://portal.ehri-project.eu/keywords/{}",
        ),
        (
            r"^https?://portal\.ehri-project\.eu/(?:admin/)?authorities/([^/?#]+)",
            "ehri",
            "https://portal.ehri-project.eu/authorities/{}",
        ),
        (
            r"^https?://portal\.ehri-project\.eu/(?:admin/)?institutions/([^/?#]+)",
            "ehri",
            "https://portal.ehri-project.eu/institutions/{}",
        ),
        (
            r"^https?://portal\.ehri-project\.eu/(?:admin/)?countries/([^/?#]+)",
            "ehri",
            "https://portal.ehri-project.eu/countries/{}",
        ),
    )
)


@lru_cache(maxsize=65536)
def normal_uri(uri: str) -> tuple[str, str]:
    """Return the scheme (``geonames``, ``ehri`` …, ``uri`` for others) and the one spelling of an identifier.

    ``http://www.geonames.org/702550/lviv.html`` and ``https://geonames.org/702550`` are one place.
    """
    uri = uri.strip()
    for pattern, scheme, spelling in _RULES:
        found = pattern.match(uri)
        if found:
            return scheme, spelling.format(found[1])
    return "uri", uri


def _forms(counted: Counter[tuple[bool, str, str]]) -> tuple[tuple[str, str], ...]:
    """The commonest form of a name in each language it is used in."""
    best: dict[str, tuple[int, str]] = {}
    for (_original, form, language), times in counted.items():
        if form and times > best.get(language, (0, ""))[0]:
            best[language] = (times, form)
    return tuple((language, form) for language, (_times, form) in best.items())


def entities_named(
    tracks: Iterable[ParsedTrack], header: Iterable[ParsedEntity] = ()
) -> tuple[tuple[ParsedEntity, ...], int]:
    """Gather who and what the tracks and the header name, one entity for each identifier or local key.

    Returns the entities in the order of their first mention, and how many names carry no identifier at all. The name
    of an entity is the form used most often in the original, else anywhere; on a tie the first.
    """
    mentions: dict[tuple[str, str, str], dict[str, None]] = {}
    names: dict[tuple[str, str, str], Counter[tuple[bool, str, str]]] = {}
    types: dict[tuple[str, str, str], dict[str, None]] = {}
    anonymous = 0
    for track in tracks:
        for cue in track.cues:
            for mark in cue.marks:
                kind = ENTITY_KINDS.get(mark.type)
                if kind is None or mark.start == mark.end:
                    continue
                if not (mark.ref or mark.key):
                    anonymous += 1
                    continue
                identity = (kind, mark.ref, mark.key)
                mentions.setdefault(identity, {})[cue.id] = None
                form = (track.is_original, cue.text[mark.start : mark.end], track.language)
                names.setdefault(identity, Counter())[form] += 1
                if mark.data.get("type"):
                    types.setdefault(identity, {})[str(mark.data["type"])] = None
    for one in header:
        if not (one.uri or one.key):
            anonymous += 1
            continue
        identity = (one.kind, one.uri, one.key)
        mentions.setdefault(identity, {})
        names.setdefault(identity, Counter())[(False, one.name, one.language)] += 1
    return tuple(
        ParsedEntity(
            kind=kind,
            name=name,
            language=language,
            uri=uri,
            key=key,
            mentions=tuple(anchors),
            types=tuple(types.get((kind, uri, key), ())),
            forms=_forms(names[(kind, uri, key)]),
        )
        for (kind, uri, key), anchors in mentions.items()
        for name, language in [_best_name(names[(kind, uri, key)])]
    ), anonymous


def _best_name(forms: Counter[tuple[bool, str, str]]) -> tuple[str, str]:
    (_, name, language), _count = max(forms.items(), key=lambda form: (bool(form[0][1]), form[0][0], form[1]))
    return name, language
