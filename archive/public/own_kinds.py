"""The kinds of publication that the archive itself brings."""

from __future__ import annotations

from functools import partial

from django.utils.translation import gettext_lazy as _

from archive.interchange import EXPORTS
from archive.public.entries import authority_line, collection_line, work_line
from archive.public.kinds import PublicKind, register
from archive.public.lists import authority_page, collection_page
from archive.public.passages import archive_facets, archive_passages
from archive.public.works import work_json_ld, work_page

_own = partial(PublicKind, passages=archive_passages, facets=archive_facets)
_work = partial(
    _own,
    page=work_page,
    line=work_line,
    json_ld=work_json_ld,
    work=True,
    cited_as=("MANSCPT", "manuscript"),
    exports=EXPORTS,
)
_authority = partial(_own, page=authority_page, line=authority_line)

KINDS = (
    _work(
        kind="testimony",
        segment="testimonies",
        one=_("Testimony"),
        many=_("Testimonies"),
        holds=_("People tell, in their own words and languages, what was done to them and what they did."),
    ),
    _work(
        kind="document",
        segment="documents",
        one=_("Document"),
        many=_("Documents"),
        holds=_("Letters, reports, orders and photographs of the time, with where they come from."),
    ),
    _own(
        kind="collection",
        segment="collections",
        one=_("Collection"),
        many=_("Collections"),
        holds=_("What was gathered together, by whom, and on what terms."),
        page=collection_page,
        line=collection_line,
    ),
    _authority(
        kind="person",
        segment="people",
        one=_("Person"),
        many=_("People"),
        holds=_("People who speak or are named, as far as they or their families allow it."),
        joined=True,
    ),
    _authority(
        kind="place",
        segment="places",
        one=_("Place"),
        many=_("Places"),
        holds=_("Villages, towns, camps and rivers, by every name that people gave them."),
    ),
    _authority(
        kind="event",
        segment="events",
        one=_("Event"),
        many=_("Events"),
        holds=_("What happened, when and where, and who tells of it."),
    ),
    _authority(
        kind="organisation",
        segment="organisations",
        one=_("Organisation"),
        many=_("Organisations"),
        holds=_("Bodies, offices, parties and associations that the sources name."),
    ),
    _authority(
        kind="concept",
        segment="concepts",
        one=_("Subject"),
        many=_("Subjects"),
        holds=_("What the passages are about, in the terms of shared vocabularies."),
    ),
)


def register_all() -> None:
    """Make them known; called once, when every app is ready."""
    for entry in KINDS:
        register(entry)
