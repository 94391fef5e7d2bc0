"""Languages as readers meet them: tags, names, directions, and the same page in another language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import langcodes
from babel import Locale, UnknownLocaleError
from django import template
from django.conf import settings
from django.conf.locale import LANG_INFO
from django.template import Context
from django.utils.translation import get_language

register = template.Library()

#: Scripts written from right to left, of those that testimony is written in (Unicode: Bidi_Class R or AL).
RIGHT_TO_LEFT_SCRIPTS = frozenset({"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg", "Samr", "Mand"})

#: Where "leave now" goes when an instance names no other place: neutral, known everywhere, in every language.
NEUTRAL_PAGE = "https://www.wikipedia.org/"


@dataclass(frozen=True)
class LanguageLink:
    """One language of the interface and where the present page stands in it."""

    tag: str
    name: str
    direction: str
    url: str
    active: bool


@dataclass(frozen=True)
class LanguageLinks:
    """The language switch: the name of the present language and a link for each."""

    current: str
    links: tuple[LanguageLink, ...]


@register.filter
@cache
def bcp47(code: str) -> str:
    """A language code in the spelling that browsers and readers of the standard expect: ``zh-hans`` → ``zh-Hans``."""
    try:
        return langcodes.standardize_tag(code) if code else "und"
    except langcodes.LanguageTagError:
        return "und"


@register.filter
@cache
def direction(code: str) -> str:
    """``rtl`` or ``ltr`` for a BCP 47 tag, from its script (given, or the likely one of the language)."""
    try:
        script = langcodes.get(code).maximize().script if code else ""
    except langcodes.LanguageTagError:
        return "ltr"
    return "rtl" if script in RIGHT_TO_LEFT_SCRIPTS else "ltr"


@cache
def _locale(code: str) -> Locale | None:
    """The CLDR locale of a tag, or of the nearest parent that CLDR knows."""
    parts = bcp47(code).split("-")
    while parts:
        try:
            return Locale.parse("_".join(parts))
        except (UnknownLocaleError, ValueError):
            parts.pop()
    return None


def locale_of(code: str | None) -> Locale:
    """The CLDR locale for formatting in an interface language; English where CLDR has none."""
    return _locale(code or "en") or Locale("en")


@cache
def language_name_in(tag: str, interface: str) -> str:
    """Name of the language ``tag`` in the language ``interface``: CLDR, else its English name, else the tag."""
    tag = bcp47(tag)
    if tag == "und":
        return tag
    names = locale_of(interface).languages
    parsed = langcodes.get(tag)
    underscored = tag.replace("-", "_")
    if underscored in names:
        return str(names[underscored])
    base = names.get(parsed.language or "")
    if base is None:
        return parsed.display_name("en")
    if parsed.script:
        scripts = locale_of(interface).scripts
        return f"{base} ({scripts.get(parsed.script, parsed.script)})"
    if parsed.territory:
        return f"{base} ({locale_of(interface).territories.get(parsed.territory, parsed.territory)})"
    return str(base)


@register.filter
def language_name(tag: str) -> str:
    """Name of a language in the reader's language."""
    return language_name_in(tag, get_language() or "en")


@register.filter
@cache
def own_language_name(tag: str) -> str:
    """A language's name for itself (``Հայերեն``)."""
    info = LANG_INFO.get(tag.lower())
    return info["name_local"] if info and "name_local" in info else language_name_in(tag, tag)


@register.simple_tag
def leave_url() -> str:
    """Where the leave-now link goes: an instance may set ``LEAVE_URL`` in its settings."""
    return str(getattr(settings, "LEAVE_URL", NEUTRAL_PAGE))


@cache
def _own_name(code: str) -> str:
    name = own_language_name(code)
    return name[:1].upper() + name[1:]


@register.simple_tag(takes_context=True)
def language_links(context: Context) -> LanguageLinks:
    """The present page in every language of the interface.

    Addresses are ``/<language>/…`` (interfaces.md), so the first segment is exchanged; a page whose address
    carries no language leads to the home page. A view whose pages differ by more than the prefix (translated
    slugs) hands in ``language_urls``. The query string is left out: it is the reader's own.
    """
    active = get_language() or settings.LANGUAGE_CODE
    given: dict[str, str] = context.get("language_urls") or {}
    request: Any = context.get("request")
    rest = ""
    if request is not None:
        first, _, tail = request.path.lstrip("/").partition("/")
        if first in dict(settings.LANGUAGES):
            rest = tail
    links = tuple(
        LanguageLink(
            tag=bcp47(code),
            name=_own_name(code),
            direction=direction(code),
            url=given.get(code) or f"/{code}/{rest}",
            active=code == active,
        )
        for code, _ in settings.LANGUAGES
    )
    return LanguageLinks(current=_own_name(active), links=links)
