"""Words that depend on nothing but the language, looked up once for each.

Django asks gettext anew for every sentence of every page, and each question goes through a catalogue per app: for a
testimony's page a quarter of what it costs. Load this library after ``i18n``: it takes over ``{% translate %}``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache, wraps
from typing import TypeVar

from django import template
from django.template import Context
from django.template.base import Node, Parser, Token
from django.templatetags.i18n import do_translate
from django.utils.translation import get_language

register = template.Library()

_Said = TypeVar("_Said")


def once_a_language_for(function: Callable[..., _Said]) -> Callable[..., _Said]:
    """Keep what a function of a few codes says in each language; arguments must be hashable.

    For what the active language and the arguments decide alone. The least used answers go first, so that codes from
    outside cannot fill the memory.
    """

    @lru_cache(maxsize=2048)
    def said(_language: str | None, arguments: tuple[Hashable, ...]) -> _Said:
        return function(*arguments)

    @wraps(function)
    def answer(*arguments: Hashable) -> _Said:
        return said(get_language(), arguments)

    return answer


class _Constant(Node):
    """A ``{% translate "…" %}`` of a literal, with what it said in each language."""

    def __init__(self, translation: Node) -> None:
        self.translation = translation
        self.said: dict[tuple[str | None, bool], str] = {}

    def render(self, context: Context) -> str:
        key = (get_language(), bool(context.autoescape))
        words = self.said.get(key)
        if words is None:
            words = self.said[key] = self.translation.render(context)
        return words


def _is_literal(word: str) -> bool:
    return len(word) >= 2 and word[0] in "\"'" and word[-1] == word[0] and word[0] not in word[1:-1]


@register.tag("translate")
def translate(parser: Parser, token: Token) -> Node:
    """Django's own tag; a literal (with a literal context, if any) is asked for once in each language."""
    node = do_translate(parser, token)
    _name, message, *options = token.split_contents()
    constant = not options or (len(options) == 2 and options[0] == "context" and _is_literal(options[1]))
    return _Constant(node) if constant and _is_literal(message) else node
