"""Where a missing address is looked for again under a language, and where it is simply missing."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import LocalePrefixPattern, URLResolver, get_resolver
from django.utils import translation
from django.utils.cache import patch_vary_headers


@lru_cache
def _without_language(urlconf: str | None) -> frozenset[str]:
    """Return the first segments of the addresses that carry no language, such as ``api`` and ``admin``."""
    return frozenset(
        str(entry.pattern).lstrip("^").partition("/")[0]
        for entry in get_resolver(urlconf).url_patterns
        if not (isinstance(entry, URLResolver) and isinstance(entry.pattern, LocalePrefixPattern))
    )


class LocaleOfPagesOnly(LocaleMiddleware):
    """Django's middleware, which redirects every 404 to the same address under a language.

    Wagtail answers for every address under a language, so Django would redirect a missing file, API
    object or admin page to a page that cannot exist. There, missing is missing: one 404, no redirect.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        urlconf = getattr(request, "urlconf", None)
        segment = request.path_info.lstrip("/").partition("/")[0]
        if response.status_code == 404 and segment and segment in _without_language(urlconf):
            patch_vary_headers(response, ("Accept-Language",))
            response.headers.setdefault("Content-Language", translation.get_language() or "en")
            return response
        return super().process_response(request, response)
