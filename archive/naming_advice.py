"""What an editor is told before a work goes out under another name: lines of the gate's checklist that close nothing.

None of them says the name. They are for those who may read it at the desk: anybody else could find a sealed name out
by trying titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from archive.assessment import Reason
from archive.models import Clip, ConsentRecord, PublicationLink, RecordKind
from archive.models.record import folded
from archive.models.terms import OWN_WORDS
from archive.projection.authorities import AuthorityView, load_authorities, view_of, words_of
from archive.projection.naming_people import Naming, naming_of
from archive.projection.speaker_labels import SHORTEST, WITHOUT_BLANKS
from archive.seals import hidden_keys


def naming_advice(work: Any, consent: ConsentRecord | None) -> list[Reason]:
    """The lines for a work whose own words are shown under another name, or none; empty for any other."""
    own = list(work.contributions.filter(role__in=OWN_WORDS).select_related("person"))
    if consent is None or not own:
        return []
    people = load_authorities(one.person.public_id for one in own if one.person)
    views = {public_id: view_of(record) for public_id, record in people.items()}
    facts = [
        {
            "role": one.role,
            "credited_as": one.credited_as,
            "person": one.person.public_id if one.person else None,
        }
        for one in own
    ]
    naming = naming_of(facts, consent.identity, hidden_keys(work.kind, work.sealed or []), views)
    if naming.by_real_name:
        return []
    said = _says_a_name(work, naming, facts)
    where, screen = said or ("", "")
    lines = [
        Reason(
            "record-apart",
            not _public_elsewhere(work, views),
            # Translators: a line of a checklist; “her” is the narrator or author, who is shown under another name.
            _("Her own record is not public through another work."),
            # Translators: as above, when it is not so.
            _(
                "Her own record is public through another work, and whoever compares may recognise her. Seal the real "
                "name in her record, or name her there as she is named here."
            ),
            advisory=True,
            screen="links",
        ),
        Reason(
            "name-in-words",
            said is None,
            # Translators: a line of a checklist; it is about the real name of somebody shown under another name.
            _("Title, abstract, index and clips do not say the real name."),
            # Translators: as above, when it is not so; {place} is “Title”, “Abstract”, “Index” or “Clip”.
            _("The real name stands here: {place}. Rewrite it, then have it reviewed.").format(place=where),
            advisory=True,
            screen=screen,
        ),
    ]
    if naming.credit_shown:
        named = all(
            naming.shown(views.get(one["person"] or ""), credit=one["credited_as"], role=one["role"]).name
            for one in facts
        )
        lines.insert(
            0,
            Reason(
                "name-to-show",
                named,
                # Translators: a line of a checklist; without such a name the narrator or author is shown as withheld.
                _("There is a name to show instead of the real one."),
                # Translators: as above, when it is not so; “Credited as” is the label of a field.
                _(
                    "There is no name to show instead of the real one, so “withheld” stands there. Write one under "
                    "“Credited as”."
                ),
                advisory=True,
                screen="links",
            ),
        )
    return lines


def _public_elsewhere(work: Any, views: Mapping[str, AuthorityView]) -> bool:
    """Whether another work publishes a page of one of these persons, or of the same person by an external id."""
    ids = {view.public_id for view in views.values()}
    uris = {uri for view in views.values() for uri in view.identifiers}
    named = Q(relation=RecordKind.PERSON.value, target__in=ids) | Q(relation="external-id", target__in=uris)
    return PublicationLink.objects.filter(named).exclude(publication__public_id=work.public_id).exists()


def _says_a_name(work: Any, naming: Naming, facts: Iterable[Mapping[str, Any]]) -> tuple[Any, str] | None:
    """Where the real name is said first, and the screen that changes it."""
    shown = {word for one in facts for word in words_of(one["credited_as"])} if naming.credit_shown else set()
    words = {word for name in naming.unsaid for word in name if len(word) >= SHORTEST or word >= WITHOUT_BLANKS}
    # Names are inflected at their end.
    wanted = [re.compile(("" if word >= WITHOUT_BLANKS else r"(?<!\w)") + re.escape(word)) for word in words - shown]
    for where, screen, text in _texts(work):
        if any(pattern.search(folded(text)) for pattern in wanted):
            return where, screen
    return None


def _texts(work: Any) -> Iterator[tuple[Any, str, str]]:
    """What is told in a work's own words beside its text: what it is called, the screen that changes it, the words."""
    maps = [(_("Title"), "edit", work.title), (_("Abstract"), "edit", work.abstract)]
    for segment in work.segments.all():
        maps += [(_("Index"), "links", value) for value in (segment.title, segment.synopsis)]
    for clip in Clip.objects.filter(work_id=work.pk):
        # Clips have forms of their own, beside the work.
        maps += [(_("Clip"), "", value) for value in (clip.title, clip.context)]
    for where, screen, value in maps:
        for entry in (value or {}).get("values", {}).values():
            yield where, screen, entry.get("text") or ""
