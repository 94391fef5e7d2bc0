"""Languages as readers meet them: tags, names, directions, and the same page in another language."""

from __future__ import annotations

from functools import cache, lru_cache
from html import escape
from typing import Any

from babel import Locale, UnknownLocaleError
from django import template
from django.conf import settings
from django.conf.locale import LANG_INFO
from django.template import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from archive.values.languages import autonym, direction, display_name, normalise_tag

register = template.Library()

#: Where "leave now" goes when an instance names no other place: neutral, known everywhere, in every language.
NEUTRAL_PAGE = "https://www.wikipedia.org/"


register.filter("direction", direction)


@register.filter
def bcp47(code: str) -> str:
    """A language code in the spelling that browsers and readers of the standard expect: ``zh-hans`` → ``zh-Hans``."""
    return normalise_tag(code).tag


@lru_cache(maxsize=1024)
def _locale(code: str | None) -> Locale | None:
    """The CLDR locale of a tag, or of the nearest parent that CLDR knows."""
    parts = bcp47(code or "").split("-")
    while parts:
        try:
            return Locale.parse("_".join(parts))
        except (UnknownLocaleError, ValueError):
            parts.pop()
    return None


def locale_of(code: str | None) -> Locale:
    """The CLDR locale for formatting in an interface language; English where CLDR has none."""
    # The interface speaks no national English: days come before months, as in most of the world.
    return _locale("en-GB" if code in (None, "en") else code) or Locale("en", "GB")


@register.filter
def language_name(tag: str) -> str:
    """Name of a language in the reader's language."""
    return display_name(bcp47(tag), bcp47(get_language() or "en"))


@register.filter
def own_language_name(tag: str) -> str:
    """A language's name for itself (``Հայերեն``), as Django spells it where it knows one."""
    info = LANG_INFO.get(tag.lower())
    return info["name_local"] if info and "name_local" in info else autonym(bcp47(tag))


@lru_cache(maxsize=256)
def _rendered(template_name: str, language: str) -> SafeString:
    return mark_safe(render_to_string(template_name, {"LANGUAGE_CODE": language}))  # noqa: S308 - a template escapes


@register.simple_tag
def once_a_language(template_name: str) -> SafeString:
    """A part of the frame that depends on nothing but the language, rendered once for each and kept.

    The same forty sentences on every page would otherwise be a tenth of what a page costs.
    """
    language = get_language() or settings.LANGUAGE_CODE
    if settings.DEBUG:
        return _rendered.__wrapped__(template_name, language)
    return _rendered(template_name, language)


@lru_cache(maxsize=1)
def _sprite() -> str:
    return static("bundles/icons.svg")


@register.simple_tag
@lru_cache(maxsize=64)
def icon(name: str) -> SafeString:
    """A symbol of our own sprite. It decorates: words stand beside it."""
    return format_html('<svg aria-hidden="true"><use href="{}#{}"/></svg>', _sprite(), name)


@register.simple_tag
def leave_url() -> str:
    """Where the leave-now link goes: an instance may set ``LEAVE_URL`` in its settings."""
    return str(getattr(settings, "LEAVE_URL", NEUTRAL_PAGE))


@cache
def _own_name(code: str) -> str:
    name = own_language_name(code)
    return name[:1].upper() + name[1:]


@register.simple_tag
def language_now() -> str:
    """Name of the present language in itself."""
    return _own_name(get_language() or settings.LANGUAGE_CODE)


#: Stands in the kept list of languages for what follows the language in an address; no address holds it.
_REST = "\0"


@lru_cache(maxsize=64)
def _language_items(active: str, given: tuple[tuple[str, str], ...]) -> str:
    addresses = dict(given)
    items = []
    for code, _ in settings.LANGUAGES:
        tag = escape(bcp47(code))
        url = escape(addresses.get(code) or f"/{code}/{_REST}")
        now = ' aria-current="true"' if code == active else ""
        items.append(
            f'<li><a href="{url}" lang="{tag}" hreflang="{tag}" dir="{direction(code)}"{now}>'
            f"{escape(_own_name(code))}</a></li>"
        )
    return "".join(items)


@register.simple_tag(takes_context=True)
def language_items(context: Context) -> SafeString:
    """The present page in every language of the interface, as items of a list.

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
        if first in _language_codes():
            rest = tail
    if given:
        items = _language_items.__wrapped__(active, tuple(given.items()))
    else:
        items = _language_items(active, ())
    return mark_safe(items.replace(_REST, escape(rest)))  # noqa: S308 - every part is escaped


@cache
def _language_codes() -> frozenset[str]:
    return frozenset(code for code, _ in settings.LANGUAGES)
