"""Texts, dates, lengths and codes of a publication in the reader's language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date
from html import escape, unescape
from typing import Any

from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import format_decimal
from django import template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, gettext_lazy, ngettext

from archive.models.terms import Answer, Basis, Scope, Sensitivity
from archive.public.addresses import list_url, page_url
from archive.public.kinds import all_kinds, public_kind
from archive.public.scopes import answers
from archive.templatetags.constant_words import once_a_language_for
from archive.templatetags.site_language import bcp47, language_name, locale_of
from archive.values.language_map import ShownText, choose

register = template.Library()

Json = Mapping[str, Any]


def choose_text(value: Json | str | None) -> ShownText:
    """A text for the reader's language; a bare string (a name of unknown language) keeps its own direction."""
    if isinstance(value, str):
        return ShownText(value, "", "auto", False)
    return choose(value, (bcp47(get_language() or "en"),))


@register.simple_tag
def text_of(value: Json | str | None) -> ShownText:
    """``{% text_of work.title as title %}``: the parts one by one."""
    return choose_text(value)


@register.simple_tag
def text_in(value: Json | str | None, language: str) -> ShownText:
    """``{% text_in work.title work.original_language as title %}``: the text in a given language before all others."""
    return ShownText(value, "", "auto", False) if isinstance(value, str) else choose(value, (bcp47(language),))


@register.filter
def plain(value: Json | str | None) -> str:
    """A language map's text alone, for titles and attributes."""
    return choose_text(value).text


def _as_bdi(chosen: ShownText) -> SafeString:
    if not chosen.text:
        return SafeString("")
    known = chosen.language not in ("", "und")
    language = f' lang="{escape(chosen.language)}" dir="{chosen.direction}"' if known else ' dir="auto"'
    return mark_safe(f"<bdi{language}>{escape(chosen.text, quote=False)}</bdi>")  # noqa: S308 - escaped here


@register.filter
def worded(value: Json | str | None) -> SafeString:
    """A language map's text as ``<bdi>`` with its language and direction; empty when there is none."""
    return _as_bdi(choose_text(value))


_EDTF_DAY = re.compile(r"(?P<year>-?\d{4})(-(?P<month>\d{2}))?(-(?P<day>\d{2}))?(?P<doubt>[~?%])?\Z", re.ASCII)
_EDTF_SPAN = re.compile(r"(?P<known>\d{2,3})X{1,2}(?P<doubt>[~?%])?\Z", re.ASCII)
_EDTF_SEASONS: dict[int, str | Promise] = {
    # Translators: a season and a year, as in "spring 1943".
    21: gettext_lazy("spring %(year)s"),
    22: gettext_lazy("summer %(year)s"),
    23: gettext_lazy("autumn %(year)s"),
    24: gettext_lazy("winter %(year)s"),
}


def _in_doubt(said: str, doubt: str | None) -> str:
    if doubt in ("~", "%"):
        # Translators: an approximate date, as in "around 1943".
        said = gettext("around %(date)s") % {"date": said}
    if doubt in ("?", "%"):
        # Translators: a date of which the source is not sure.
        said = gettext("%(date)s (uncertain)") % {"date": said}
    return said


def _point_in_time(edtf: str) -> str:
    locale = locale_of(get_language())
    span = _EDTF_SPAN.match(edtf)
    if span:
        known = span["known"]
        if len(known) == 3:
            # Translators: a decade, as in "the 1940s".
            return _in_doubt(gettext("the %(year)ss") % {"year": f"{known}0"}, span["doubt"])
        # Translators: the years of a century, as in "1900 to 1999".
        said = gettext("%(first)s to %(last)s") % {"first": f"{known}00", "last": f"{known}99"}
        return _in_doubt(said, span["doubt"])
    found = _EDTF_DAY.match(edtf.replace("-XX", ""))
    if not found:
        return edtf
    year, month, day = int(found["year"]), int(found["month"] or 0), int(found["day"] or 0)
    try:
        if month in _EDTF_SEASONS:
            said = str(_EDTF_SEASONS[month]) % {"year": year}
        elif day:
            said = format_date(date(year, month, day), "long", locale=locale)
        elif month:
            said = format_skeleton("yMMMM", date(year, month, 1), locale=locale)
        else:
            said = str(year)
    except (ValueError, KeyError):
        # Years before 1 and impossible days are shown as the source has them.
        return edtf
    return _in_doubt(said, found["doubt"])


@register.filter
def uncertain_date(value: Json | str | None) -> str:
    """An EDTF date in words of the reader's language: ``1943-05~`` → "around May 1943"; unknown forms as written."""
    edtf = str((value.get("edtf") if isinstance(value, Mapping) else value) or "").strip()
    first, slash, last = edtf.partition("/")
    if not slash:
        return _point_in_time(edtf)
    if first in ("", ".."):
        # Translators: a span of time of which only the end is known.
        return gettext("until %(date)s") % {"date": _point_in_time(last)} if last not in ("", "..") else ""
    if last in ("", ".."):
        # Translators: a span of time of which only the beginning is known.
        return gettext("from %(date)s") % {"date": _point_in_time(first)}
    return f"{_point_in_time(first)} – {_point_in_time(last)}"


@register.filter
def iso_day(value: str | None) -> str:
    """A day or moment in ISO 8601 as a date of the reader's language; anything else as it stands."""
    return _point_in_time(str(value or "")[:10])


@register.filter
def duration(milliseconds: int | None) -> str:
    """``2463000`` → "41 minutes"; below a minute in seconds."""
    seconds = round((milliseconds or 0) / 1000)
    if seconds < 60:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    minutes = round(seconds / 60)
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


@register.filter
def size(octets: int | None) -> str:
    """A file's weight with one decimal at most: ``8.4 MB``."""
    amount, unit = float(octets or 0), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{format_decimal(round(amount, 1 if amount < 10 else 0), locale=locale_of(get_language()))} {unit}"


@register.filter
def number(value: int | None) -> str:
    """A count with the reader's digits and separators."""
    return format_decimal(value or 0, locale=locale_of(get_language()))


@register.filter
def language_list(tags: Iterable[str] | None) -> str:
    """Languages by name, joined as the reader's language joins lists."""
    return format_list([language_name(tag) for tag in tags or ()], locale=locale_of(get_language()))


#: What a content note says for each code of sensitivity (domain.md).
SENSITIVITIES: dict[str, str | Promise] = {
    Sensitivity.GRAPHIC_VIOLENCE: gettext_lazy("killing and violence are described"),
    Sensitivity.SEXUAL_VIOLENCE: gettext_lazy("sexual violence is spoken of"),
    Sensitivity.CHILDREN: gettext_lazy("children are harmed"),
    Sensitivity.SELF_HARM: gettext_lazy("suicide or self-harm is spoken of"),
    Sensitivity.DECEASED: gettext_lazy("people who have died are named or shown"),
    Sensitivity.SACRED: gettext_lazy("it holds what a community holds sacred"),
    Sensitivity.PERPETRATOR: gettext_lazy("a perpetrator speaks"),
    Sensitivity.HATE: gettext_lazy("hateful words or pictures of the time are shown, framed"),
}
#: Languages are listed beside the kinds of publication, and no publication is one: one, many, what the list holds.
LANGUAGES = (
    gettext_lazy("Language"),
    gettext_lazy("Languages"),
    gettext_lazy("Languages in which one can read or listen here."),
)
ROLES: dict[str, str | Promise] = {
    "narrator": gettext_lazy("Told by"),
    "interviewer": gettext_lazy("Interview"),
    "author": gettext_lazy("Written by"),
    "translator": gettext_lazy("Translation"),
    "transcriber": gettext_lazy("Transcript"),
    "editor": gettext_lazy("Edited by"),
    # Translators: the person to whom a letter was written.
    "addressee": gettext_lazy("Written to"),
}
SCOPES: dict[str, str | Promise] = {
    Scope.PUBLIC_WEB: gettext_lazy("Reading and listening here"),
    Scope.QUOTATION: gettext_lazy("Quoting"),
    Scope.CLASSROOM: gettext_lazy("Teaching"),
    Scope.TRANSLATION: gettext_lazy("Translating"),
    Scope.RESEARCH: gettext_lazy("Research"),
    Scope.OFFLINE_PACKS: gettext_lazy("Copies for offline lessons"),
    Scope.HARVEST: gettext_lazy("Listing in other catalogues"),
    Scope.PRESS: gettext_lazy("Press"),
    Scope.IMMERSIVE: gettext_lazy("Use in 3D scenes"),
    Scope.MACHINE: gettext_lazy("Training or analysis by machines"),
}
#: From where a document was written: a reader must know it before the first line.
STANDPOINTS: dict[str, str | Promise] = {
    "victim": gettext_lazy("by somebody who was persecuted"),
    "perpetrator": gettext_lazy("by those who persecuted"),
    "bystander": gettext_lazy("by somebody who stood by"),
    "rescuer": gettext_lazy("by somebody who helped"),
    "third-party": gettext_lazy("by a third party"),
}
BASES: dict[str, str | Promise] = {
    Basis.INFORMED: gettext_lazy("The person who speaks agreed to this."),
    Basis.EDITION: gettext_lazy("It was published before, and is shown under the terms of that edition."),
    Basis.PUBLIC_DOMAIN: gettext_lazy("It is in the public domain."),
    Basis.COURT: gettext_lazy("It is part of the public record of a court."),
    Basis.DEPOSIT: gettext_lazy("It is shown as agreed with those who deposited it."),
}
ANSWERS: dict[str, str | Promise] = {
    Answer.YES: gettext_lazy("yes"),
    Answer.NO: gettext_lazy("no"),
    # Translators: whether a use is allowed: one has to ask first.
    Answer.ASK: gettext_lazy("ask first"),
}


@register.filter
def sensitivity_note(codes: Iterable[str] | None) -> list[str]:
    """What a content note says, one clause for each code; a code without words is named as it is."""
    return [str(SENSITIVITIES.get(code, code)) for code in codes or ()]


def _of_kind(kind: str) -> tuple[str, str, str]:
    if kind == "language":
        one, many, holds = map(str, LANGUAGES)
        return one, many, holds
    entry = public_kind(kind)
    return str(entry.one), str(entry.many), str(entry.holds)


@register.filter
@once_a_language_for
def kind_one(kind: str) -> str:
    """``testimony`` → "Testimony"."""
    return _of_kind(kind)[0]


@register.filter
@once_a_language_for
def kind_many(kind: str) -> str:
    """``testimony`` → "Testimonies"."""
    return _of_kind(kind)[1]


@register.filter
@once_a_language_for
def kind_lead(kind: str) -> str:
    """One sentence on what a list of this kind holds."""
    return _of_kind(kind)[2]


@register.filter
@once_a_language_for
def role_label(role: str) -> str:
    """How a contribution is introduced: ``narrator`` → "Told by"."""
    return str(ROLES.get(role, role))


@register.filter
@once_a_language_for
def standpoint_label(standpoint: str) -> str:
    """From where a document was written, in words; empty when it is not known."""
    return str(STANDPOINTS.get(standpoint, ""))


@register.filter
@once_a_language_for
def basis_sentence(basis: str) -> str:
    """The ground on which a work is shown, as a sentence; empty when none is named."""
    return str(BASES.get(basis, ""))


@register.filter
def scope_answers(work: Json) -> list[tuple[str, str, str]]:
    """(use, code, answer in words) for each scope of consent that a reader can understand, in a fixed order."""
    given = answers(work)
    return _scope_answers(tuple((scope, given[scope]) for scope in SCOPES if scope in given))


@once_a_language_for
def _scope_answers(given: tuple[tuple[str, str], ...]) -> list[tuple[str, str, str]]:
    return [(str(SCOPES[scope]), answer, str(ANSWERS.get(answer, answer))) for scope, answer in given]


@register.filter
def scope_list(work: Json) -> SafeString:
    """The same as items of a definition list."""
    items = [
        f'<div class="scope-{escape(code)}"><dt>{escape(use)}</dt><dd>{escape(answer)}</dd></div>'
        for use, code, answer in scope_answers(work)
    ]
    return mark_safe("".join(items))  # noqa: S308 - escaped here


_HIGHLIGHT = re.compile(r"(</?mark>)")


@register.filter
def only_marks(html: str | None) -> SafeString:
    """A search highlight with everything escaped but ``<mark>``, which is balanced, whoever made the string."""
    out, is_open = [], False
    for part in _HIGHLIGHT.split(str(html or "")):
        if part == "<mark>":
            if not is_open:
                out.append(part)
            is_open = True
        elif part == "</mark>":
            if is_open:
                out.append(part)
            is_open = False
        else:
            out.append(escape(unescape(part), quote=False))
    if is_open:
        out.append("</mark>")
    return mark_safe("".join(out))  # noqa: S308 - all but <mark> is escaped above


_SCRIPT_ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


@register.filter
def json_block(value: object) -> SafeString:
    """A value as JSON for a data block: no ``</script>`` can end it early. A string is taken as finished JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return mark_safe(text.translate(_SCRIPT_ESCAPES))  # noqa: S308 - the three dangerous characters are escaped


#: Who speaks in a work, as against who looked after its edition.
VOICES = ("narrator", "author", "interviewer", "addressee")


def _by_role(contributors: Iterable[Json] | None, *, voices: bool) -> list[tuple[str, list[Json]]]:
    grouped: dict[str, list[Json]] = {}
    for contributor in contributors or ():
        role = str(contributor.get("role", ""))
        if (role in VOICES) is voices and (contributor.get("name") or contributor.get("withheld")):
            grouped.setdefault(role_label(role), []).append(contributor)
    return list(grouped.items())


@register.filter
def voices(contributors: Iterable[Json] | None) -> list[tuple[str, list[Json]]]:
    """Those who speak or are spoken to, under the words that introduce them, in the order in which roles appear."""
    return _by_role(contributors, voices=True)


@register.filter
def workers(contributors: Iterable[Json] | None) -> list[tuple[str, list[Json]]]:
    """Translators, transcribers and editors, in the same form."""
    return _by_role(contributors, voices=False)


@register.filter
def by_kind(entities: Iterable[Json] | None) -> list[tuple[str, list[Json]]]:
    """Named entities by kind, in the order in which the kinds are registered."""
    grouped: dict[str, list[Json]] = {}
    for entity in entities or ():
        if entity.get("name"):
            grouped.setdefault(str(entity.get("kind", "")), []).append(entity)
    return [(entry.kind, grouped[entry.kind]) for entry in all_kinds() if entry.kind in grouped]


@register.simple_tag
def named_entities(kind: str, entities: Iterable[Json]) -> SafeString:
    """Items of the list of entities of one kind: each a link to its page, else to where it is first named.

    Written here and not in the template: a long testimony names two hundred.
    """
    reader = (bcp47(get_language() or "en"),)
    base = list_of(kind)
    items = []
    for entity in entities:
        given, mentions, public_id = entity.get("name"), entity.get("mentions"), entity.get("id")
        shown = ShownText(given, "", "auto", False) if isinstance(given, str) else choose(given, reader)
        name = str(_as_bdi(shown))
        if public_id:
            name = f'<a href="{base}{escape(str(public_id))}/">{name}</a>'
        elif mentions:
            name = f'<a class="unlinked" href="#{escape(str(mentions[0]))}">{name}</a>'
        items.append(f"<li>{name}</li>")
    return mark_safe("".join(items))  # noqa: S308 - names come from worded(), the rest is escaped here


@register.simple_tag
def list_of(kind: str) -> str:
    """Address of the list of a kind: ``/<language>/<kinds>/``."""
    return reverse("public:languages") if kind == "language" else list_url(kind)


@register.simple_tag
def page_of(kind: str, public_id: str) -> str:
    """Address of a public page (interfaces.md): ``/<language>/<kind>/<id>/``."""
    return page_url(kind, public_id)
