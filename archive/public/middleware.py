"""Turns the public side's one exception into its answer."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from archive.public.reading import Withdrawn, tombstone


class TombstoneMiddleware:
    """Answers 410 wherever a view came upon something withdrawn that this viewer could have seen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return tombstone(request, exception.gone) if isinstance(exception, Withdrawn) else None
