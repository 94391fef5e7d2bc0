"""What holds for every public template: own words only through gettext, nothing of a visitor, nothing inline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import override

from tests.frontend.pages import PAGES, render

ROOT = Path(settings.BASE_DIR)
TEMPLATES = ROOT / "templates"
OURS = sorted(
    path
    for folder in (TEMPLATES, TEMPLATES / "archive", TEMPLATES / "includes")
    for path in folder.glob("*.html")
    if path.name != "429.html"
)
#: Pages that hold a form and are therefore never kept by the page cache.
FORMS = {"report", "request", "class", "class-empty"}
LANGUAGES = [code for code, _ in settings.LANGUAGES]


class Page(HTMLParser):
    """Facts of one page: elements with their attributes, ids, and what its data blocks hold."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", sorted(PAGES))
def test_pages_keep_to_the_policy_in_every_language(name: str) -> None:
    for language in LANGUAGES:
        html = render(name, language)
        page = Page(html)
        root = next(attributes for tag, attributes in page.elements if tag == "html")
        assert root["dir"] == ("rtl" if language == "ar" else "ltr")
        assert root["lang"] == ("zh-Hans" if language == "zh-hans" else language)
        ids = [str(attributes["id"]) for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids)), sorted(x for x in ids if ids.count(x) > 1)
        assert sum(tag == "h1" for tag, _ in page.elements) == 1
        for tag, attributes in page.elements:
            assert "style" not in attributes and not any(key.startswith("on") for key in attributes), (tag, attributes)
            if tag == "script":
                assert attributes.get("type") == "application/ld+json" or attributes.get("src"), attributes
            assert tag != "style"
            assert not str(attributes.get("src", "")).startswith("http")
            if tag == "svg":
                assert attributes.get("aria-hidden") == "true"
        assert ("csrfmiddlewaretoken" in html) is (name in FORMS)


def test_data_blocks_cannot_be_broken_out_of() -> None:
    html = render("testimony", "en")
    assert "</script><b>" not in html
    assert '"name": "\\u003C/script\\u003E\\u003Cb\\u003Esmoke"' in html


def test_what_is_not_there_answers_with_the_same_bytes_whatever_was_asked() -> None:
    class Asked:
        path = "/en/testimonies/secret0000/"

    with override("en"):
        one = render_to_string("404.html", {"request": Asked, "request_path": Asked.path, "exception": "a name"})
        other = render_to_string("404.html", {})
    assert one == other


def test_every_testimony_page_can_be_left_at_once() -> None:
    for name in ("testimony", "document", "yiddish", "stub", "help"):
        page = Page(render(name, "en"))
        after = next(n for n, (tag, _) in enumerate(page.elements, 1) if tag == "cairn-leave")
        link = page.elements[after]
        assert link[0] == "a" and link[1]["href"] == "https://www.wikipedia.org/", name


def test_fiction_is_said_on_every_page_that_holds_it() -> None:
    for name in ("testimony", "document", "place", "collection", "home", "testimonies"):
        assert '<p class="fiction">' in render(name, "en"), name


def test_language_links_keep_the_page_and_drop_the_query() -> None:
    class Asked:
        path = "/en/testimonies/k3m9x0w7ta/"

    html = render("testimony", "en", request=Asked)
    for language in LANGUAGES:
        assert f'href="/{language}/testimonies/k3m9x0w7ta/"' in html


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_word_of_a_template_escapes_translation(path: Path) -> None:
    source = path.read_text()
    source = re.sub(r"\{% comment %\}.*?\{% endcomment %\}", " ", source, flags=re.S)
    source = re.sub(r"\{% block body_class %\}[\w-]*\{% endblock %\}", "", source)
    source = re.sub(r"\{% blocktranslate.*?\{% endblocktranslate %\}", " ", source, flags=re.S)
    source = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", source, flags=re.S)
    for attribute in ("aria-label", "title", "placeholder", "alt"):
        for value in re.findall(rf'\s{attribute}="([^"]*)"', source):
            assert not re.search(r"[A-Za-z]{2,}", value), value
    words = re.sub(r"<[^>]*>", " ", source)
    words = re.sub(r"&\w+;|\bCairn\b", " ", words)
    assert not re.search(r"[A-Za-z]{2,}", words), re.findall(r"[A-Za-z]{2,}[^<]*", words)[:3]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "frontend" / "src" / "styles").glob("*.css")), ids=lambda path: path.name
)
def test_styles_mirror_for_right_to_left_and_load_nothing_from_elsewhere(path: Path) -> None:
    css = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    physical = re.findall(
        r"(?:^|[\s;{])((?:margin|padding|border|inset)?-?(?:left|right)\s*:|(?:width|height)\s*:)", css
    )
    assert physical == []
    assert not re.search(r"text-align:\s*(left|right)|float:\s*(left|right)", css)
    assert not re.search(r"https?:|//[a-z]", css)


def test_scripts_hold_no_translatable_words_and_no_markup_strings() -> None:
    for path in (ROOT / "frontend" / "src").rglob("*.ts"):
        source = path.read_text()
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source), path.name
        assert "http://" not in source.replace("http://www.w3.org/2000/svg", "") and "https://" not in source, path.name
