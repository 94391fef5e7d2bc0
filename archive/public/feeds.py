"""Atom feeds of what was newly opened to everybody, and the sitemap; both through publications alone."""

from __future__ import annotations

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.admin_address import ADMIN_ROOT
from archive import publications
from archive.models.publication import Publication
from archive.public import kinds
from archive.public.addresses import page_url, permanent_url
from archive.values.language_map import choose


class NewlyOpened(Feed):
    """The fifty works opened last. Addresses are permanent ones, so that a withdrawal answers 410 there too."""

    feed_type = Atom1Feed
    title = _("Newly opened in the archive")
    link = "/"
    subtitle = _("Testimonies and documents that have become open to everybody.")

    def items(self) -> list[Publication]:
        rows = publications.listing(kind__in=kinds.works(), stub=False)
        return list(rows.order_by("-first_published_at", "id")[:50])

    def item_title(self, item: Publication) -> str:
        title = choose(item.payload["title"], (get_language() or "en",)).text
        return f"{title} [example content, fiction]" if item.fiction else title

    def item_description(self, item: Publication) -> str:
        # A content note comes before the words; a feed reader shows none, so sensitive works send no words.
        if item.payload.get("sensitivity"):
            return ""
        return choose(item.payload.get("abstract"), (get_language() or "en",)).text[:500]

    def item_link(self, item: Publication) -> str:
        return permanent_url(item.public_id)

    def item_guid(self, item: Publication) -> str:
        return permanent_url(item.public_id)

    def item_pubdate(self, item: Publication):  # type: ignore[no-untyped-def]
        return item.first_published_at

    def item_updateddate(self, item: Publication):  # type: ignore[no-untyped-def]
        return item.published_at


class PublicationSitemap(Sitemap):
    """Every page that is open to everybody, in every interface language."""

    limit = 5000
    i18n = False

    def items(self) -> list[tuple[str, str, object]]:
        rows = publications.listing(stub=False).order_by("id")
        return list(rows.values_list("kind", "public_id", "published_at"))

    def location(self, item: tuple[str, str, object]) -> str:
        return page_url(item[0], item[1])

    def lastmod(self, item: tuple[str, str, object]):  # type: ignore[no-untyped-def]
        return item[2]

    def get_domain(self, site: object = None) -> str:
        return settings.PUBLIC_URL.split("://", 1)[1]

    def get_protocol(self, protocol: str | None = None) -> str:
        return settings.PUBLIC_URL.split("://", 1)[0]


SITEMAPS = {"publications": PublicationSitemap}


def robots(request: HttpRequest) -> HttpResponse:
    """``robots.txt``: pages may be found, forms and files need not be."""
    kept_out = (ADMIN_ROOT, "/accounts/", "/media-access/", "/class/", "/review/")
    lines = [
        "User-agent: *",
        *(f"Disallow: {path}" for path in kept_out),
        f"Sitemap: {settings.PUBLIC_URL}/sitemap.xml",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
