"""Every page type with a context of the fictional valley, rendered and served under the site's own security policy."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django import forms
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import override

from tests.frontend.fixtures import Payload, audio_testimony, hebrew_document, hungarian_document, language_map
from tests.frontend.sound import tone

STATIC = Path(settings.BASE_DIR) / "static"
#: The policy of config/settings.py as a browser gets it.
POLICY = "; ".join(
    f"{name} {' '.join(sources)}" for name, sources in settings.CONTENT_SECURITY_POLICY["DIRECTIVES"].items()
)
CITE_URL = "https://cairn.example/id/k3m9x0w7ta"
BIBTEX = "@misc{k3m9x0w7ta,\n  title = {We counted the houses by their smoke},\n  year = {2019}\n}"


class ReportForm(forms.Form):
    """The fields that archive/report.html is written for."""

    kind = forms.ChoiceField(
        label="What is it about?",
        choices=[
            ("mistake", "I found a mistake"),
            ("family", "this is my family"),
            ("harm", "this could endanger somebody"),
        ],
        widget=forms.RadioSelect,
    )
    message = forms.CharField(label="What should we know?", widget=forms.Textarea, help_text="In any language.")
    contact = forms.CharField(label="How can we answer you?", required=False)
    public_id = forms.CharField(widget=forms.HiddenInput, required=False)


def _citations() -> list[Payload]:
    return [
        {
            "id": "chicago",
            "label": "Chicago",
            "text": f"Samira K. “We counted the houses by their smoke.” 2019. {CITE_URL}.",
        },
        {"id": "apa", "label": "APA", "text": f"K., S. (2019). We counted the houses by their smoke. {CITE_URL}"},
        {"id": "bibtex", "label": "BibTeX", "text": BIBTEX, "url": "/cite/k3m9x0w7ta.bib"},
        {"id": "ris", "label": "RIS", "text": "TY  - GEN\nTI  - We counted the houses by their smoke\nER  - "},
        {"id": "csl", "label": "CSL JSON", "text": '{"id": "k3m9x0w7ta", "type": "interview"}'},
    ]


def reading_context(work: Payload, **rest: Any) -> Payload:
    """What a view hands to archive/testimony.html."""
    return {
        "work": work,
        "with_language": "",
        "cite_url": CITE_URL,
        "citations": _citations(),
        "citation_at": "Samira K., “We counted the houses by their smoke”, at {moment}, {url}",
        "downloads": [{"label": "Text (TEI)", "url": "/download/x.xml", "bytes": 18400}],
        "share": {"title": "We counted the houses by their smoke", "description": "A testimony.", "url": CITE_URL},
        "json_ld": {"@context": "https://schema.org", "@type": "AudioObject", "name": "</script><b>smoke"},
        **rest,
    }


def entries() -> list[Payload]:
    """Entries of a list with every fact that one may have."""
    samira, letter = audio_testimony(), hungarian_document()
    return [
        {
            "url": "/en/testimonies/k3m9x0w7ta/",
            "title": samira["title"],
            "summary": samira["abstract"],
            "languages": ["ar", "en", "fr"],
            "date": "2019-05-14",
            "place": samira["place"]["name"],
            "media": "audio",
            "duration_ms": 2463000,
            "sensitivity": ["graphic-violence", "harm-to-children"],
            "narrators": ["Samira K."],
            "fiction": True,
            "kind": "testimony",
        },
        {
            "url": "/en/documents/d0cument47/",
            "title": letter["title"],
            "languages": ["hu", "en"],
            "date": "1947-05~",
            "collection": letter["collection"]["title"],
            "fiction": True,
            "kind": "document",
        },
        {
            "url": "/en/documents/y1dd1sh000/",
            "title": hebrew_document()["title"],
            "languages": ["yi", "en"],
            "date": "194X",
            "community": "Archive of the valley",
            "kind": "document",
        },
    ]


def facets() -> list[Payload]:
    """Two groups of filters, one option chosen."""
    return [
        {
            "name": "type",
            "label": "Kind",
            "options": [
                {"label": "Testimonies", "url": "?type=testimony", "count": 1204, "active": True},
                {"label": "Documents", "url": "?type=document", "count": 87, "active": False},
            ],
        },
        {
            "name": "place",
            "label": "Place",
            "options": [
                {
                    "label": language_map("ar", ar=f"دال {number}", en=f"Dal {number}"),
                    "url": f"?place={number}",
                    "count": 40 - number,
                    "active": False,
                }
                for number in range(14)
            ],
        },
    ]


def _search_context() -> Payload:
    hits = [
        {
            "text_html": "From above we <mark>counted</mark> the houses by their <mark>smoke</mark>. If there was no "
            "smoke we asked: who is ill?",
            "url": "/en/testimonies/k3m9x0w7ta/#p-sam0002e",
            "language": "en",
            "start_ms": 21000,
        },
        {
            "text_html": "من فوق كنّا <mark>نعدّ</mark> البيوت من دخانها.",
            "url": "/en/testimonies/k3m9x0w7ta/#p-sam0002a",
            "language": "ar",
            "start_ms": 21000,
        },
    ]
    results = [
        {
            "id": "k3m9x0w7ta",
            "type": "testimony",
            "title": audio_testimony()["title"],
            "language": "ar",
            "date": "2019-05-14",
            "url": "/en/testimonies/k3m9x0w7ta/",
            "hits": hits,
            "more": 3,
            "fiction": True,
        },
        {
            "id": "d0cument47",
            "type": "document",
            "title": hungarian_document()["title"],
            "language": "hu",
            "url": "/en/documents/d0cument47/",
            "hits": [
                {
                    "text_html": "A füst <mark>felszállt</mark> & &lt;b&gt;",
                    "url": "#",
                    "language": "hu",
                    "start_ms": None,
                }
            ],
        },
    ]
    return {
        "q": "smoke",
        "answer": {
            "total": 2,
            "results": results,
            "did_you_mean": {"text": "smoked", "url": "?q=smoked"},
            "also": [{"label": "fumée"}, {"label": "دخان"}],
            "also_off_url": "?q=smoke&exact=1",
        },
        "facets": facets(),
        "chosen": [{"label": "Testimonies", "remove_url": "?q=smoke"}],
        "clear_url": "?q=smoke",
        "page": {"number": 1, "pages": 3, "total": 24, "previous_url": "", "next_url": "?page=2"},
    }


def _authority() -> Payload:
    return {
        "id": "p1acedal00",
        "name": language_map("ar", ar="دال", en="Dal"),
        "type": "Town",
        "dates": "1912/..",
        "fiction": True,
        "names": [
            {"text": "Дал", "language": "ru"},
            {"text": "Դալ", "language": "hy"},
            {"text": "Dalfalva", "language": "hu", "note": "until 1918"},
        ],
        "description": language_map("en", en="The town beyond the ridge to which the families walked."),
        "within": [{"kind": "place", "id": "va11ey0000", "name": "Valley of Orsha"}],
        "links": [{"label": "GeoNames", "url": "https://www.geonames.org/1"}],
        "precision": "shown to within 10 km",
    }


def _home() -> Payload:
    samira = audio_testimony()
    return {
        "chosen": {
            "url": "/en/testimonies/k3m9x0w7ta/",
            "title": samira["title"],
            "narrator": "Samira K.",
            "language": "ar",
            "quote": language_map(
                "ar",
                ar="من فوق كنّا نعدّ البيوت من دخانها. إذا لم يطلع الدخان نسأل: من المريض؟",
                en="From above we counted the houses by their smoke. If there was no smoke we asked: who is ill?",
            ),
            "media": "audio",
            "duration_ms": 2463000,
            "sensitivity": ["graphic-violence"],
            "fiction": True,
        },
        "languages": [
            {"url": f"/en/languages/{tag}/", "language": tag, "count": 3}
            for tag in ("ar", "en", "fr", "hu", "hy", "ru", "yi")
        ],
        "commemorations": [{"url": "/en/events/event00m0r/", "title": "Clearing of the valley", "date": "1943-05-03"}],
        "recent": entries(),
    }


def _languages() -> Payload:
    return {
        "kind": "language",
        "items": [
            {"url": f"/en/languages/{tag}/", "language": tag, "count": 4} for tag in ("ar", "hu", "hy", "yi", "zh-Hans")
        ],
    }


def _stub() -> Payload:
    return {
        "id": "st0b000000",
        "kind": "testimony",
        "languages": ["hy"],
        "abstract": language_map("en", en="A family and its mill."),
        "community": {"slug": "orsha", "name": "Association of the Families of Orsha"},
        "fiction": True,
    }


class _Prose:
    """Stands for a Wagtail page of prose."""

    title, seo_title, search_description = "What this archive is", "", ""
    introduction = "An archive of what people told, in the languages in which they told it."
    body = "<p>It begins with the people who speak. They decide.</p><h2>Who keeps it</h2><p>Communities do.</p>"


def _collection() -> Payload:
    work = audio_testimony()
    return {
        "collection": {
            **work["collection"],
            "abstract": work["abstract"],
            "community": work["community"],
            "languages": ["ar", "hu"],
            "licence": work["licence"],
            "fiction": True,
        },
        "items": entries(),
        "page": {"number": 1, "pages": 1, "total": 3},
    }


#: name → (template, context); the names are the addresses of the test server: ``/<language>/<name>/``.
PAGES: dict[str, tuple[str, Callable[[], Payload]]] = {
    "testimony": ("archive/testimony.html", lambda: reading_context(audio_testimony())),
    "document": ("archive/testimony.html", lambda: reading_context(hungarian_document())),
    "yiddish": ("archive/testimony.html", lambda: reading_context(hebrew_document(), citations=[])),
    "long": ("archive/testimony.html", lambda: reading_context(hungarian_document(repeat=120))),
    "search": ("archive/search.html", _search_context),
    "search-empty": ("archive/search.html", lambda: {"q": "füst", "answer": {"total": 0, "results": []}}),
    "home": ("archive/home.html", _home),
    "testimonies": (
        "archive/browse.html",
        lambda: {
            "kind": "testimony",
            "items": entries(),
            "filters": facets(),
            "fiction": True,
            "page": {"number": 2, "pages": 9, "total": 177, "previous_url": "?page=1", "next_url": "?page=3"},
        },
    ),
    "languages": ("archive/browse.html", _languages),
    "places": (
        "archive/browse.html",
        lambda: {
            "kind": "place",
            "items": [
                {
                    "url": f"/en/places/{n}/",
                    "title": language_map("ar", ar="دال", en="Dal"),
                    "names": [{"text": "Dalfalva", "language": "hu"}],
                    "count": n,
                }
                for n in range(1, 8)
            ],
            "letters": [{"letter": letter, "url": "#", "active": letter == "D"} for letter in "ABCD"],
        },
    ),
    "place": (
        "archive/authority_detail.html",
        lambda: {"kind": "place", "authority": _authority(), "items": entries()},
    ),
    "language": (
        "archive/authority_detail.html",
        lambda: {"kind": "language", "authority": {"language": "hu"}, "items": entries()},
    ),
    "collection": ("archive/collection.html", _collection),
    "about": ("archive/about.html", lambda: {"page": _Prose}),
    "help": ("archive/help.html", lambda: {"page": _Prose}),
    "report": (
        "archive/report.html",
        lambda: {
            "form": ReportForm({"message": ""}),
            "family": True,
            "about": {"url": "/en/testimonies/k3m9x0w7ta/", "title": audio_testimony()["title"]},
        },
    ),
    "report-sent": ("archive/report.html", lambda: {"sent": True}),
    "stub": ("archive/stub.html", lambda: {"work": _stub(), "request_url": "/en/request/st0b000000/"}),
    "class": ("archive/class.html", lambda: {"items": entries(), "last_day": "2026-07-01", "fiction": True}),
    "class-empty": ("archive/class.html", lambda: {"items": [], "last_day": "2026-07-01"}),
    "review": ("archive/review.html", lambda: {"work": audio_testimony(), "with_language": ""}),
    "request": ("archive/request_access.html", lambda: {"form": ReportForm(), "work": _stub()}),
    "404": ("404.html", dict),
    "403": ("403.html", dict),
    "403-csrf": ("403_csrf.html", dict),
    "400": ("400.html", dict),
    "410": (
        "410.html",
        lambda: {
            "tombstone": {
                "kind": "testimony",
                "at": "2026-10-02",
                "text": language_map("en", en="The family asked for quiet."),
            }
        },
    ),
    "500": ("500.html", dict),
    "maintenance": ("maintenance.html", dict),
}


def render(name: str, language: str, **more: Any) -> str:
    """One page as a browser gets it."""
    template, context = PAGES[name]
    with override(language):
        return render_to_string(template, {"csrf_token": "a-token-for-the-test", **context(), **more})


class _Site(BaseHTTPRequestHandler):
    """Serves the pages, the static files and one recording; refuses what is not there."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        parts = address.path.strip("/").split("/")
        if parts[0] == "static":
            found = STATIC.joinpath(*parts[1:]).resolve()
            if STATIC in found.parents and found.is_file():
                return self._answer(found.read_bytes(), guess_type(found.name)[0] or "font/woff2")
        elif address.path == "/media-access/m1.mp3":
            return self._answer(tone(seconds=82), "audio/wav")
        elif address.path == "/media-access/m1.json":
            return self._answer(
                json.dumps({"peaks": [abs((n * 37) % 100 - 50) / 50 for n in range(400)]}).encode(), "application/json"
            )
        elif len(parts) == 2 and parts[1] in PAGES:
            chosen = parse_qs(address.query).get("with", [""])[0]
            return self._answer(
                render(parts[1], parts[0], **({"with_language": chosen} if chosen else {})).encode(),
                "text/html; charset=utf-8",
            )
        return self._answer(b"", "text/plain", 404)

    def _answer(self, body: bytes, kind: str, status: int = 200) -> None:
        span = self.headers.get("Range", "")
        if span.startswith("bytes=") and status == 200:
            first, _, last = span[6:].partition("-")
            start, end = int(first or 0), int(last or len(body) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(body)}")
            body = body[start : end + 1]
        else:
            self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the tests say what failed."""


@contextmanager
def serving() -> Iterator[str]:
    """The site on a free port of the loopback; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
