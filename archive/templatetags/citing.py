"""The citations of a work as HTML, written in Python: five forms as template nodes cost as much as the whole frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from archive.templatetags.constant_words import once_a_language_for

register = template.Library()

#: So many forms are shown open, the rest folded.
_OPEN = 2


@once_a_language_for
def _words() -> tuple[str, str, str]:
    return escape(gettext("Copied")), escape(gettext("Copy")), escape(gettext("Download"))


@register.simple_tag
def citation_list(citations: Iterable[Mapping[str, str]]) -> SafeString:
    """Each of ``citations`` (``id``, ``label``, ``text``, optional ``url``) with a button to copy it."""
    copied, copy, download = _words()
    out = []
    for number, citation in enumerate(citations):
        form, label, text = escape(citation["id"]), escape(citation["label"]), escape(citation["text"], quote=False)
        button = f'<cairn-copy data-done="{copied}" data-label="{copy}">'
        if number < _OPEN:
            out.append(
                f'<div class="citation"><h3>{label}</h3>{button}<p id="citation-{form}" dir="ltr">{text}</p>'
                "</cairn-copy></div>\n"
            )
            continue
        url = citation.get("url")
        file = (
            f'<p><a href="{escape(url)}" download>{download}<span class="visually-hidden"> {label}</span></a></p>'
            if url
            else ""
        )
        out.append(
            f'<details class="citation"><summary>{label}</summary>{button}<pre id="citation-{form}" dir="ltr" '
            f'tabindex="0" role="region" aria-label="{label}">{text}</pre></cairn-copy>{file}</details>\n'
        )
    return mark_safe("".join(out))  # noqa: S308 - everything from outside is escaped above
