"""Search from the terminal, as any audience."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from search import service
from search.answers import Answer
from search.documents import Reach
from search.engines.base import SearchUnavailable
from search.wiring import wiring

_MARK = re.compile("</?mark>")
#: Control and bidirectional characters, which texts may use to deceive a terminal.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Command(BaseCommand):
    help = "Answers a query as the search page would, for the public or for another audience."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("query", help='as typed into the search box; "" lists everything, newest first')
        parser.add_argument("--language", action="append", default=[], help="keep to passages in this language")
        parser.add_argument("--type", action="append", default=[], help="keep to this kind of work")
        parser.add_argument("--audience", default="", help="answer for this stand instead of an anonymous visitor")
        parser.add_argument("--page", type=int, default=1)
        parser.add_argument("--json", action="store_true", help="print the answer of /api/v1/search")

    def handle(self, *args: Any, **options: Any) -> None:
        reach = Reach(default=options["audience"]) if options["audience"] else wiring().reach_of(None)
        filters = {"language": options["language"], "type": options["type"]}
        try:
            answer = service.search(options["query"], reach, page=options["page"], filters=filters)
        except SearchUnavailable as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(answer.as_json(timed=True), ensure_ascii=False, indent=2))
        else:
            self._print(answer)

    def _print(self, answer: Answer) -> None:
        for note in answer.notes:
            self.stdout.write(_printable(note))
        self.stdout.write(f"{answer.total} works, page {answer.page} of {answer.pages}, {answer.took_ms:.0f} ms")
        for result in answer.results:
            self.stdout.write(
                _printable(f"{result.id}  {result.type}  {result.language}  {result.title}  {result.url}")
            )
            for hit in result.hits:
                marked = _MARK.sub("*", str(hit.text_html))
                self.stdout.write(_printable(f"    {hit.anchor or '-'}  {html.unescape(marked)}"))
        for name, values in answer.facets.items():
            self.stdout.write(
                _printable(f"{name}: " + ", ".join(f"{value.label} {value.count}" for value in values[:8]))
            )
        if answer.did_you_mean:
            self.stdout.write(_printable(f"Did you mean: {answer.did_you_mean}"))


def _printable(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
