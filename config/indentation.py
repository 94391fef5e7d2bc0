"""Templates are indented for those who read them; what is sent is not.

The indentation of a long list is a fifth of its bytes. It is taken away once, when a template is loaded: every line
keeps its break, so that blanks between words stay where they were and an error names the right line.
"""

from __future__ import annotations

import re

from django.template import Origin
from django.template.loaders import filesystem

#: Where blanks at the beginning of a line mean something: a sentence that catalogues know, text that is kept as it is.
_KEPT = re.compile(
    r"(\{%\s*(?P<tag>blocktrans(?:late)?|verbatim)\b.*?\{%\s*end(?P=tag)\b"
    r"|<(?P<element>pre|textarea|script|style)\b.*?</(?P=element)\s*>)",
    re.DOTALL | re.IGNORECASE,
)
_INDENTATION = re.compile(r"\n[ \t]+")


def without_indentation(source: str) -> str:
    """``source`` with every line beginning at its first sign, but for what stands in :data:`_KEPT`."""
    parts: list[str] = []
    end = 0
    for kept in _KEPT.finditer(source):
        parts += [_INDENTATION.sub("\n", source[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join([*parts, _INDENTATION.sub("\n", source[end:])])


class Loader(filesystem.Loader):
    """Loads our own templates; those of libraries and plain text (e-mails) come as they are."""

    def get_contents(self, origin: Origin) -> str:
        source = super().get_contents(origin)
        return without_indentation(source) if origin.name.endswith(".html") else source
