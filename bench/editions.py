"""An instance of its own with published editions: the real ones where they are at hand, else fictional ones.

The fictional works have the lengths and the density of names of the real ones; their words are made of
syllables and say nothing.
"""

from __future__ import annotations

import os
import random
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from bench.plain_wagtail import manage
from bench.servers import Server
from config.serving.gunicorn_settings import worker_class as WORKER

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CAIRN_SHARED", ROOT.parent / "shared"))
_SAMPLES = SHARED / "data" / "archive-samples.tar.xz"
_EDITIONS = "./ehri-editions/early_testimonies/"
SEED = 20_261_121
FICTIONAL = 70
_SYLLABLES = (
    "ka",
    "mo",
    "ri",
    "ta",
    "le",
    "su",
    "no",
    "vi",
    "ga",
    "pe",
    "du",
    "ha",
    "zo",
    "ni",
    "ba",
    "ro",
    "mi",
    "te",
)
_HEADER = """<?xml version="1.0" encoding="utf-8"?>
<TEI xmlns="http://www.tei-c.org/ns/1.0" xml:id="INVENTED-{number}"><teiHeader><fileDesc>
<titleStmt><title xml:lang="en">Invented text {number}</title></titleStmt>
<publicationStmt><availability><licence target="http://creativecommons.org/licenses/by/4.0/">CC BY 4.0</licence>
</availability></publicationStmt><seriesStmt><title>Invented texts for measuring</title></seriesStmt>
<sourceDesc><bibl>Invented text {number}.</bibl></sourceDesc></fileDesc>
<profileDesc><textClass><keywords><term>testimony</term></keywords></textClass>
<langUsage><language ident="hu">Hungarian</language></langUsage></profileDesc></teiHeader>
<text><body><div type="transcription">"""


@dataclass(frozen=True)
class Instance:
    """A prepared instance: its folder, the environment that opens it, and where its editions stand."""

    folder: Path
    environment: dict[str, str]
    #: Addresses of the published editions, in English.
    paths: tuple[str, ...]
    #: Whether the editions are real ones.
    real: bool

    def server(self) -> Server:
        """A web server for it, as ``manage.py serve`` starts it, not started yet."""
        ours = ("--config=python:config.serving.gunicorn_settings", f"--worker-class={WORKER}")
        logging = "--logger-class=config.logging.AccessLogger"
        return Server("config.wsgi:application", ROOT, self.environment, *ours, logging)


def _words(choose: random.Random, count: int) -> str:
    out = []
    for number in range(count):
        word = "".join(choose.choices(_SYLLABLES, k=choose.randint(1, 4)))
        # The real editions name a person, a place or a term every dozen words.
        if number % 12 == 11:
            kind = choose.choice(("persName", "placeName", "term"))
            word = f'<{kind} ref="#{kind}-{choose.randint(1, 60)}">{word}</{kind}>'
        out.append(word)
    return " ".join(out)


def fictional_editions(folder: Path) -> Path:
    """Write ``FICTIONAL`` TEI files of invented words, an original and a translation each."""
    choose = random.Random(SEED)
    folder.mkdir(parents=True)
    for number in range(FICTIONAL):
        passages = [choose.randint(20, 120) for _passage in range(int(choose.lognormvariate(3.3, 0.8)) + 3)]
        sides = "".join(
            f'<div type="{kind}" xml:lang="{language}">'
            + "".join(f"<p>{_words(choose, length)}</p>" for length in passages)
            + "</div>"
            for kind, language in (("original", "hu"), ("translation", "en"))
        )
        text = _HEADER.format(number=number) + sides + "</div></body></text></TEI>"
        (folder / f"invented-{number:03}.xml").write_text(text, encoding="utf-8")
    return folder


def real_editions(folder: Path) -> Path | None:
    """Unpack the published testimony editions, or None where they are not beside this checkout."""
    if not _SAMPLES.is_file():
        return None
    with tarfile.open(_SAMPLES) as archive:
        archive.extractall(folder, (m for m in archive if m.name.startswith(_EDITIONS)), filter="data")
    return folder / _EDITIONS


def make_instance(folder: Path) -> Instance:
    """Prepare an instance in ``folder`` and publish the editions in it by the documented commands."""
    data = folder / "instance"
    environment = {"CAIRN_DATA": str(data), "CAIRN_MODE": "development", "DEBUG": "0", "LOG_LEVEL": "ERROR"}
    environment["DATABASE_URL"] = f"sqlite:///{data}/db/cairn.sqlite3"
    real = real_editions(folder / "real")
    editions = real or fictional_editions(folder / "fictional")
    manage(ROOT, environment, "prepare_site")
    manage(ROOT, environment, "create_admin", "--no-input", "--no-qr", "--username", "bench")
    importing = ["import_testimonies", str(editions), "--community=bench", "--collection=bench", "--publish", "-v0"]
    manage(ROOT, environment, *importing)
    listed = folder / "paths.txt"
    manage(ROOT, environment, "shell", "-v0", "-c", _LIST.format(to=str(listed)))
    paths = tuple(listed.read_text(encoding="utf-8").split())
    if len(paths) < 60:
        raise RuntimeError(f"Only {len(paths)} editions were published; 60 are needed to measure anything.")
    return Instance(data, environment, paths, real is not None)


_LIST = """
from pathlib import Path
from archive.models.publication import Publication
from archive.public.kinds import public_kind
rows = Publication.objects.filter(kind__in=("testimony", "document"), serves_public=True, stub=False)
lines = [f"/en/{{public_kind(kind).segment}}/{{key}}/" for kind, key in rows.values_list("kind", "public_id")]
Path({to!r}).write_text("\\n".join(lines), encoding="utf-8")
"""

_MAIN = re.compile(r"<main[^>]*>(?P<html>.*)</main>", re.DOTALL)
_TITLE = re.compile(r"<title>(?P<title>.*?)</title>", re.DOTALL)


def main_html(page: str) -> dict[str, str]:
    """Title and the HTML inside ``<main>`` of one page, as an editor would paste them into another system."""
    main, title = _MAIN.search(page), _TITLE.search(page)
    if main is None or title is None:
        raise RuntimeError("A page without <main> or <title>.")
    return {"html": main["html"], "title": title["title"]}
