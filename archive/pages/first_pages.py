"""The pages every archive begins with: home, about and help, in every interface language."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from wagtail.models import Locale, Page, Site

from archive.models.publication import PublicClock
from archive.pages import clock
from archive.pages.models import AboutPage, EssayPage, HelpPage, HomePage


def _about() -> dict[str, str]:
    return {
        "title": _("About this archive"),
        "introduction": _(
            "Survivors’ associations, museums and families keep testimonies here and decide who may read them."
        ),
        "body": "".join(
            f"<p>{paragraph}</p>"
            for paragraph in (
                _(
                    "Everything that is shown has passed one gate. It asks whether those who spoke agreed, to what "
                    "and until when; whether an embargo still holds; whether somebody has reviewed the text; and "
                    "whether it could put anybody in danger. When one answer is no, nothing of it is on these pages."
                ),
                _(
                    "Whoever agreed can take it back. From that moment the page, the search, the feeds and the "
                    "downloads no longer have it."
                ),
                _(
                    "Texts from published editions name their edition, their archive and their licence. Words made "
                    "by a machine are marked as such and shown only after a person has checked them."
                ),
            )
        ),
    }


def _help() -> dict[str, str]:
    return {
        "title": _("Help and support"),
        "introduction": _("How to read, listen, search and cite, and what to do when it becomes too much."),
        "body": "".join(
            f"<h2>{title}</h2><p>{text}</p>"
            for title, text in (
                (
                    _("Reading and listening"),
                    _(
                        "The words of a witness stand in the language in which they were given; choose a translation "
                        "to read beside them. Every passage has an address of its own."
                    ),
                ),
                (
                    _("Searching"),
                    _(
                        "Several words are looked for in one passage. “Words in quotation marks” are looked for in "
                        "this order, -word leaves a word out, and the beginning of a word with a star finds all its "
                        "endings."
                    ),
                ),
                (
                    _("Citing"),
                    _("At the end of every page are citations in common forms, with the revision you have read."),
                ),
            )
        ),
    }


def make_first_pages() -> None:
    """Make the pages that are missing and leave alone whatever an editor has changed since. Idempotent."""
    for code, _name in settings.LANGUAGES:
        Locale.objects.get_or_create(language_code=code)
    english = Locale.objects.get(language_code=settings.LANGUAGE_CODE)
    root = Page.get_first_root_node() or Page.add_root(title="Root", slug="root", locale=english)
    home = HomePage.objects.filter(locale=english).first()
    if home is None:
        with translation.override(settings.LANGUAGE_CODE):
            home = HomePage(title="Cairn", slug="home-en", locale=english)
        root.add_child(instance=home)
    _site(home)
    for code, _name in settings.LANGUAGES:
        locale = Locale.objects.get(language_code=code)
        with translation.override(code):
            own_home = home if locale == english else _translation(home, locale, root, "Cairn", f"home-{code}")
            for model, slug, words in ((AboutPage, "about", _about()), (HelpPage, "help", _help())):
                _subpage(model, slug, words, own_home, english, locale)
    # Without a first version nothing could be kept by the page cache.
    if not PublicClock.objects.exists():
        clock.turn()


def _site(home: HomePage) -> None:
    host, _sep, port = settings.PUBLIC_URL.split("://", 1)[1].partition(":")
    site = Site.objects.filter(is_default_site=True).first() or Site(is_default_site=True)
    welcome = site.root_page if site.root_page_id else None
    site.hostname, site.port, site.root_page = host, int(port or (443 if settings.HTTPS else 80)), home
    site.site_name = settings.WAGTAIL_SITE_NAME
    site.save()
    if welcome is not None and welcome.pk != home.pk and type(welcome.specific) is Page:
        # Wagtail's own “Welcome” page.
        welcome.delete()


def _translation(page: Any, locale: Locale, parent: Page, title: str, slug: str) -> Any:
    existing = page.get_translations().filter(locale=locale).first()
    if existing is not None:
        return existing.specific
    copy = type(page)(title=title, slug=slug, locale=locale, translation_key=page.translation_key)
    Page.objects.get(pk=parent.pk).add_child(instance=copy)
    return copy


def _subpage(
    model: type[EssayPage], slug: str, words: dict[str, str], home: HomePage, english: Locale, locale: Locale
) -> None:
    if model.objects.child_of(home).filter(slug=slug).exists():
        return
    page = model(slug=slug, locale=locale, **words)
    if locale != english:
        original = model.objects.filter(locale=english, slug=slug).first()
        if original is not None:
            page.translation_key = original.translation_key
    HomePage.objects.get(pk=home.pk).add_child(instance=page)
