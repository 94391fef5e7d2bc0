"""How fast the index is built and how fast it answers: ``python -m bench.search [--data FILE]``.

One line of JSON per figure: ``name``, ``value``, ``unit``, ``target`` where the project set one, ``baseline``
(what plain FTS5 with its own tokenizer does in the same run, on the same machine and the same texts) and
``ratio`` = value / baseline. The data are lines of ``{"lang", "source", "doc", "text"}``; without them texts
of eight languages are generated, which says nothing about real vocabularies but compares two states of the
code.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import lzma
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SEED = 20_261_121
DEFAULT_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "search-load.jsonl.xz"
GENERATED_SEGMENTS = 350_000
_ALPHABETS = {
    "en": "etaoinshrdlu", "pl": "aieoznrwsłęó", "uk": "оаиніевртск", "ar": "المنيوتربع",
    "he": "יוהלארמבתש", "hy": "աեինրտոկսմ", "ru": "оеаинтсрвл", "hu": "eatlnskoázé",
}  # fmt: skip

Segment = dict[str, Any]


def emit(name: str, value: float, unit: str, baseline: float | None = None, target: str = "", **more: Any) -> None:
    """Print one figure."""
    line: dict[str, Any] = {"name": name, "value": round(value, 2), "unit": unit}
    if target:
        line["target"] = target
    if baseline is not None:
        line |= {"baseline": round(baseline, 2), "ratio": round(value / baseline, 2) if baseline else None}
    print(json.dumps(line | more), flush=True)


def generated(count: int, path: Path) -> Path:
    """Write ``count`` segments of made-up words with a Zipf-like vocabulary per language."""
    choose = random.Random(SEED)
    vocabularies: dict[str, tuple[list[str], list[float]]] = {}
    for language, letters in _ALPHABETS.items():
        words = ["".join(choose.choices(letters, k=choose.randint(2, 10))) for _word in range(30_000)]
        vocabularies[language] = (words, [1 / (rank + 2) for rank in range(len(words))])
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            work = number // 12
            language = list(_ALPHABETS)[work % len(_ALPHABETS)]
            words, weights = vocabularies[language]
            text = " ".join(choose.choices(words, weights, k=choose.randint(6, 60)))
            segment = {"lang": language, "source": f"source-{work % 6}", "doc": f"work-{work}", "text": text}
            file.write(json.dumps(segment, ensure_ascii=False) + "\n")
    return path


def opened(path: Path, folder: Path) -> Path:
    """The data uncompressed, so that the measured time does not hold the decompression."""
    if path.suffix != ".xz":
        return path
    plain = folder / "segments.jsonl"
    with lzma.open(path, "rb") as packed, plain.open("wb") as file:
        while chunk := packed.read(1 << 22):
            file.write(chunk)
    return plain


def by_work(file: IO[str]) -> dict[str, list[Segment]]:
    """Segments of each work, in the order of the file."""
    works: dict[str, list[Segment]] = {}
    for line in file:
        segment = json.loads(line)
        works.setdefault(segment["doc"], []).append(segment)
    return works


def baseline_build(path: Path, target: Path) -> tuple[float, int]:
    """Seconds from opened JSONL to the first answer of plain FTS5 (unicode61, no analysis), and the rows."""
    with path.open(encoding="utf-8") as file:
        started = time.perf_counter()
        with sqlite3.connect(target, isolation_level=None) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE VIRTUAL TABLE plain USING fts5 (text, tokenize='unicode61')")
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO plain VALUES (?)", ((json.loads(line)["text"],) for line in file))
            connection.execute("COMMIT")
            connection.execute("SELECT count(*) FROM plain WHERE plain MATCH 'a'").fetchone()
            seconds = time.perf_counter() - started
            rows = connection.execute("SELECT count(*) FROM plain").fetchone()[0]
    return seconds, rows


def words_by_frequency(plain: sqlite3.Connection) -> tuple[list[str], list[str]]:
    """The 20 commonest words as people type them, and 60 seeded ones of 500 to 2,000 passages."""
    plain.execute("CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab (plain, row)")
    common = [word for (word,) in plain.execute("SELECT term FROM vocabulary ORDER BY doc DESC LIMIT 20")]
    middling = [
        word
        for (word,) in plain.execute("SELECT term FROM vocabulary WHERE doc BETWEEN 500 AND 2000 ORDER BY term")
        if len(word) > 2
    ]
    return common, random.Random(SEED).sample(middling, min(60, len(middling)))


@dataclass(frozen=True)
class Timing:
    """Milliseconds of some calls: by the clock, and of the processor alone, which a busy machine does not change."""

    p50: float
    p95: float
    cpu_p50: float
    cpu_p95: float

    @classmethod
    def of(cls, calls: Iterator[tuple[float, float]]) -> Timing:
        """From (clock, processor) seconds per call."""
        clock, processor = (sorted(seconds) for seconds in zip(*calls, strict=True))
        last = min(len(clock) - 1, int(len(clock) * 0.95))
        return cls(
            statistics.median(clock) * 1000,
            clock[last] * 1000,
            statistics.median(processor) * 1000,
            processor[last] * 1000,
        )

    @property
    def cpu(self) -> dict[str, float]:
        """The processor's share, as further members of a figure."""
        return {"cpu_p50": round(self.cpu_p50, 2), "cpu_p95": round(self.cpu_p95, 2)}


def processor_seconds() -> float:
    """Processor time of this process and its finished children."""
    return sum(os.times()[:4])


def connect(works: dict[str, list[Segment]]) -> None:
    """Hand the search room what config would: documents of a work, and a re-check against a real table."""
    from django.db import connection

    from search import sources, wiring
    from search.documents import Reach, SearchDocument

    choose = random.Random(SEED)
    facts = {
        work: (f"event-{choose.randrange(40)}", f"place-{choose.randrange(300)}", choose.randrange(1915, 1995))
        for work in works
    }
    public = frozenset({"public", "registered"})
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_published (work varchar(200) PRIMARY KEY)")
        cursor.executemany("INSERT INTO bench_published VALUES (%s)", [(work,) for work in works])

    class Bench(sources.Source):
        name = "bench"
        types = ("testimony",)
        facets = tuple(sources.Facet(name, (name,)) for name in ("collection", "event", "place"))

        def all_works(self) -> Iterable[str]:
            return list(works)

        def documents_of(self, work: str) -> Iterator[SearchDocument]:
            event, place, year = facts[work]
            for number, segment in enumerate(works[work]):
                yield SearchDocument(
                    key=f"{work}|{number}",
                    work=work,
                    group="bench",
                    stands=public,
                    type="testimony",
                    language=segment["lang"],
                    text=segment["text"],
                    title=work,
                    anchor=f"p-{number}",
                    facets={"collection": (segment["source"],), "event": (event,), "place": (place,)},
                    year_from=year,
                    year_to=year,
                )

        def still_published(self, keys: Collection[str]) -> set[str]:
            asked = {key.rsplit("|", 1)[0] for key in keys}
            marks = ",".join(["%s"] * len(asked))
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT work FROM bench_published WHERE work IN ({marks})", list(asked))
                alive = {work for (work,) in cursor.fetchall()}
            return {key for key in keys if key.rsplit("|", 1)[0] in alive}

        def labels_of(
            self, values: Mapping[str, Collection[str]], reach: Reach, language: str
        ) -> Mapping[tuple[str, str], str]:
            return {}

        def url_of(self, kind: str, work: str, language: str) -> str:
            return f"/{language}/{kind}/{work}/"

    wiring.connect(reach_of=lambda viewer: Reach("public"))
    # The archive's own source would look for the works in tables that are not made here.
    sources._registered.clear()
    sources.register(Bench())


def timed_searches(queries: list[str], **options: Any) -> Iterator[tuple[float, float]]:
    """Clock and processor seconds of each whole call, every query twice, the first time not counted."""
    from search.documents import Reach
    from search.service import search

    for query in queries:
        search(query, Reach("public"), **options)
        started, processor = time.perf_counter(), time.thread_time()
        answer = search(query, Reach("public"), **options)
        elapsed = time.perf_counter() - started, time.thread_time() - processor
        if answer.total and len(answer.facets) < 4:
            raise SystemExit(f"Only {len(answer.facets)} facets were counted; the figure would be worthless.")
        yield elapsed


def timed_matches(plain: sqlite3.Connection, queries: list[str]) -> Iterator[tuple[float, float]]:
    """The same for a bare count of plain FTS5."""
    for query in queries:
        quoted = " AND ".join('"' + word.replace('"', "") + '"' for word in query.split())
        for _run in range(2):
            started, processor = time.perf_counter(), time.thread_time()
            plain.execute("SELECT count(*) FROM plain WHERE plain MATCH ?", (quoted,)).fetchone()
            elapsed = time.perf_counter() - started, time.thread_time() - processor
        yield elapsed


def private_megabytes() -> float | None:
    """Private memory of this process on Linux, in MB."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def measure(path: Path, folder: Path) -> None:
    """All figures."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", "search", verbosity=0)
    from search import engines, sources
    from search.documents import Reach
    from search.service import search

    plain_seconds, rows = baseline_build(path, folder / "plain.sqlite3")
    with path.open(encoding="utf-8") as file:
        started, processor = time.perf_counter(), processor_seconds()
        works = by_work(file)
        # All texts stay in memory here, unlike in a web process: keep the garbage collector from walking them.
        gc.freeze()
        connect(works)
        engines.current().rebuild(list(works), sources.documents_of, processes=min(2, os.cpu_count() or 1))
        first = search("a", Reach("public"))
        seconds, processor = time.perf_counter() - started, processor_seconds() - processor
    if not first.total:
        raise SystemExit("The new index answered nothing.")
    emit(
        "search_build", rows / seconds, "segments/s", rows / plain_seconds, ">= 10000", segments=rows, works=len(works)
    )
    plain = sqlite3.connect(folder / "plain.sqlite3")
    common, middling = words_by_frequency(plain)
    pairs = [f"{one} {two}" for one, two in itertools.pairwise(common)]
    classes = {
        "commonest_20": (common, "<= 300"),
        "middling_500_2000": (middling, "<= 40"),
        "two_common_words": (pairs, ""),
    }
    for name, (queries, target) in classes.items():
        timing, base = Timing.of(timed_searches(queries)), Timing.of(timed_matches(plain, queries))
        emit(f"search_{name}_p50", timing.p50, "ms", base.p50)
        emit(f"search_{name}_p95", timing.p95, "ms", base.p95, target, queries=len(queries), **timing.cpu)
    misspelt = [f"{word[:2]}q{word[2:]}" for word in middling[:20] if len(word) > 4]
    for name, queries in {
        "phrase": [f'"{pair}"' for pair in pairs],
        "beginning": [f"{word[:4]}*" for word in middling],
        "everything": [""] * 5,
        "did_you_mean": misspelt,
    }.items():
        timing = Timing.of(timed_searches(queries))
        emit(f"search_{name}_p95", timing.p95, "ms", None, "", p50=round(timing.p50, 2), **timing.cpu)
    timing = Timing.of(timed_searches(common, filters={"event": ["event-1", "event-2"]}))
    emit("search_commonest_20_filtered_p95", timing.p95, "ms", None, "", **timing.cpu)
    emit("search_index_size", engines_size(folder) / 1e6, "MB", (folder / "plain.sqlite3").stat().st_size / 1e6)
    reader = subprocess.run(
        [sys.executable, "-m", "bench.search", "--read", *common], check=True, capture_output=True, text=True
    )
    sys.stdout.write(reader.stdout)


def engines_size(folder: Path) -> int:
    """Bytes of the index file."""
    return (folder / "search" / "index.sqlite3").stat().st_size


def read_only(queries: list[str]) -> None:
    """What a web process keeps in memory after answering: run as a child, on the index of the parent."""
    import django

    django.setup()
    from search import engines
    from search.conditions import conditions
    from search.documents import Reach
    from search.engines.base import EngineQuery, View
    from search.query import parse

    engine = engines.current()
    before = private_megabytes()
    for query in queries:
        understood = conditions(parse(query).clauses, engine.languages())
        engine.search(
            EngineQuery(tuple(condition for _clause, condition in understood)), View(Reach("public"), time.time())
        )
    after = private_megabytes()
    if before is not None and after is not None:
        emit("search_private_memory", after, "MB", before, "<= 250 for the whole web process")


def main() -> None:
    """Set up an instance of its own in a temporary folder and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="JSONL, plain or .xz")
    parser.add_argument("--segments", type=int, default=GENERATED_SEGMENTS, help="how many to generate without data")
    parser.add_argument("--read", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if arguments.read is not None:
        read_only(arguments.read)
        return
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as name:
        folder = Path(name)
        os.environ["CAIRN_DATA"] = name
        if arguments.data.exists():
            path = opened(arguments.data, folder)
        else:
            print(json.dumps({"note": "no data file; texts are generated"}), flush=True)
            path = generated(arguments.segments, folder / "generated.jsonl")
        measure(path, folder)


if __name__ == "__main__":
    main()
