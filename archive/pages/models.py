"""Pages that editors write: the first page, about, help and essays. They hold no record, only references."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page

from archive import publications
from archive.models.publication import Publication

RICH_TEXT = ["h2", "h3", "bold", "italic", "ol", "ul", "link", "hr"]


class PublicPage(Page):
    """What our pages share: public, in a language, kept by the page cache against the clock of publications."""

    class Meta:
        abstract = True

    def serve(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        from archive.public.reading import mark_cacheable, viewer_for

        viewer_for(request)
        response = super().serve(request, *args, **kwargs)
        if hasattr(response, "render"):
            response.render()
        return mark_cacheable(request, response)


class HomePage(PublicPage):
    """The first page: one sentence, search, three doors, a testimony chosen by an editor and not by clicks."""

    statement = models.CharField(_("what this is, in one sentence"), max_length=200, blank=True)
    chosen_id = models.CharField(_("testimony chosen (its public id)"), max_length=10, blank=True)
    quote = models.CharField(_("passage shown"), max_length=400, blank=True)
    quote_language = models.CharField(_("language of the passage"), max_length=35, blank=True)

    content_panels = [
        *Page.content_panels,
        FieldPanel("statement"),
        FieldPanel("chosen_id"),
        FieldPanel("quote"),
        FieldPanel("quote_language"),
    ]
    parent_page_types = ["wagtailcore.Page"]
    subpage_types = ["archive.EssayPage", "archive.AboutPage", "archive.HelpPage"]
    template = "archive/home.html"

    class Meta:
        verbose_name = _("home page")

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        from archive.public import kinds
        from archive.public.entries import entries

        context = super().get_context(request, *args, **kwargs)
        recent = publications.listing(kind__in=kinds.works(), stub=False).order_by("-first_published_at", "id")[:4]
        found = publications.counts("language", kinds=kinds.works())
        context |= {
            "statement": self.statement,
            "chosen": self._chosen(),
            "recent": entries(recent),
            "languages": [
                {"url": reverse("public:language", kwargs={"tag": tag}), "language": tag, "count": number}
                for tag, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
            ],
            "commemorations": self._commemorations(timezone.now().date()),
        }
        return context

    def _chosen(self) -> dict[str, Any] | None:
        """The chosen testimony as long as it is open to everybody; its words are gone with its publication."""
        from archive.public.entries import entry

        found = publications.find(self.chosen_id) if self.chosen_id else None
        if not isinstance(found, Publication) or found.stub:
            return None
        facts = entry(found)
        quote = self._quote(found.payload)
        return {
            **facts,
            "quote": quote,
            "narrator": ", ".join(facts["narrators"]),
            "language": found.payload["original_language"],
        }

    def _quote(self, payload: dict[str, Any]) -> dict[str, Any] | None:
        """The passage in its own words and in those of every translation of this page that quotes the same testimony.

        It is quoted only while the publication still holds it, so no redaction is outlived here.
        """
        if not self.quote:
            return None
        pages = HomePage.objects.filter(chosen_id=self.chosen_id, live=True).exclude(quote="")
        quotes = {**dict(pages.values_list("quote_language", "quote")), self.quote_language: self.quote}
        texts = [cue["text"] for row in payload.get("rows", []) for cues in row["cells"].values() for cue in cues]
        held = {tag: quote for tag, quote in quotes.items() if any(quote in text for text in texts)}
        if not held:
            return None
        original = payload["original_language"]
        return {
            "original": original if original in held else next(iter(held)),
            "values": {tag: {"text": quote} for tag, quote in held.items()},
        }

    def _commemorations(self, today: date) -> list[dict[str, Any]]:
        """Published days of commemoration within a fortnight of today, whatever their year."""
        from archive.public.addresses import page_url
        from archive.values.uncertain_date import parse_date

        near = []
        for event in publications.listing(kind="event").filter(payload__event_type="commemoration")[:500]:
            day = parse_date(event.payload.get("date_from", "")).earliest
            if day is None:
                continue
            this_year = [day.replace(year=y) for y in (today.year - 1, today.year, today.year + 1) if _exists(day, y)]
            distance = min((abs((d - today).days) for d in this_year), default=999)
            if distance <= 14:
                address = page_url("event", event.public_id)
                near.append((distance, {"url": address, "title": event.payload["name"], "date": day.isoformat()}))
        return [facts for _distance, facts in sorted(near, key=lambda item: item[0])[:4]]


def _exists(day: date, year: int) -> bool:
    return (day.month, day.day) != (2, 29) or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))


class EssayPage(PublicPage):
    introduction = models.TextField(_("introduction"), blank=True)
    body = RichTextField(_("text"), features=RICH_TEXT, blank=True)

    content_panels = [*Page.content_panels, FieldPanel("introduction"), FieldPanel("body")]
    parent_page_types = ["archive.HomePage"]
    subpage_types: list[str] = []
    template = "archive/essay.html"

    class Meta:
        verbose_name = _("essay")


class AboutPage(EssayPage):
    parent_page_types = ["archive.HomePage"]
    template = "archive/about.html"

    class Meta:
        verbose_name = _("about page")


class HelpPage(EssayPage):
    parent_page_types = ["archive.HomePage"]
    template = "archive/help.html"

    class Meta:
        verbose_name = _("help page")
