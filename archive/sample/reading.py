"""The sample content's data files, read and checked: ``world.toml`` and one file a work in ``works/``.

A work's words stand under ``[text]``, one string a language, paragraphs parted by an empty line; the n-th paragraphs
of all languages belong together. In them ``[[key|words]]`` names somebody or something of ``world.toml`` and
``[[note|text]]`` puts a note behind the word before it.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archive.values.public_id import ALPHABET
from archive.values.text import Mark

FOLDER = Path(__file__).parent
#: Tables of ``world.toml`` whose entries a text can name, and the type of mark that names them.
MARKS = {
    "people": "person",
    "places": "place",
    "organisations": "organisation",
    "events": "term",
    "concepts": "term",
}
_MARKUP = re.compile(r"\[\[([a-z0-9-]+)\|([^\]]+)\]\]")


class SampleFault(ValueError):
    """A data file says something that cannot be; the text names file, place and remedy."""


@dataclass(frozen=True)
class Passage:
    """One paragraph in one language: its words, its marks, the keys it names."""

    text: str
    marks: tuple[Mark, ...]
    names: frozenset[str]


@dataclass(frozen=True)
class SampleWork:
    """One file of ``works/``: ``facts`` as written, and its passages by language, equally many in each."""

    key: str
    facts: Mapping[str, Any]
    passages: Mapping[str, tuple[Passage, ...]]

    @property
    def original(self) -> str:
        """Language of the original."""
        return str(self.facts["original"])

    @property
    def phonemes(self) -> tuple[str, ...]:
        """What the speaking machine says, a line a passage; empty where there is no recording."""
        return tuple(self.facts.get("recording", {}).get("phonemes", ()))


@dataclass(frozen=True)
class SampleContent:
    """Everything there is to load; ``version`` changes with every letter of it."""

    world: Mapping[str, Any]
    works: tuple[SampleWork, ...]
    version: str


def public_id_of(key: str) -> str:
    """The public id of a sample record: the same in every instance, so that addresses can be told to others."""
    number = int.from_bytes(hashlib.sha256(f"cairn sample {key}".encode()).digest()[:7])
    return "".join(ALPHABET[number >> 5 * place & 31] for place in range(10))


def anchor_of(work: str, language: str, number: int) -> str:
    """The anchor of a passage (counted from 1)."""
    return f"p-{public_id_of(f'{work} {language} {number}')[:8]}"


@cache
def read_sample() -> SampleContent:
    """Read and check all data files; raises :class:`SampleFault`."""
    digest = hashlib.sha256()
    world_file = FOLDER / "world.toml"
    digest.update(world_file.read_bytes())
    world = _toml(world_file)
    works = []
    for path in sorted((FOLDER / "works").glob("*.toml")):
        digest.update(path.read_bytes())
        works.append(_work(path, world))
    works.sort(key=lambda work: (int(work.facts.get("order", 100)), work.key))
    return SampleContent(world, tuple(works), digest.hexdigest()[:16])


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SampleFault(f"{path.name}: {error}. Correct the file; see archive/sample/reading.py.") from error


def _work(path: Path, world: Mapping[str, Any]) -> SampleWork:
    facts = _toml(path)
    known = {key: (table, mark) for table, mark in MARKS.items() for key in world.get(table, {})}
    passages = {}
    for language, text in facts.get("text", {}).items():
        paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
        passages[language] = tuple(
            _passage(f"{path.name}, {language}, paragraph {number}", paragraph, known)
            for number, paragraph in enumerate(paragraphs, start=1)
        )
    if facts.get("original") not in passages:
        raise SampleFault(f"{path.name}: there is no text in the original language “{facts.get('original')}”.")
    lengths = {language: len(found) for language, found in passages.items()}
    if len(set(lengths.values())) > 1:
        raise SampleFault(f"{path.name}: paragraphs differ in number ({lengths}); part them alike in every language.")
    work = SampleWork(path.stem, facts, passages)
    if work.phonemes and len(work.phonemes) != lengths[work.original]:
        raise SampleFault(f"{path.name}: give one line of phonemes for each of the {lengths[work.original]} passages.")
    return work


def _passage(where: str, paragraph: str, known: Mapping[str, tuple[str, str]]) -> Passage:
    text, marks, names, at = "", [], set(), 0
    for found in _MARKUP.finditer(paragraph):
        text += paragraph[at : found.start()]
        at = found.end()
        key, words = found[1], found[2]
        if key == "note":
            marks.append(Mark(start=len(text), end=len(text), type="note", ref="", key="", data={"text": words}))
            continue
        if key not in known:
            raise SampleFault(f"{where}: nothing in world.toml is called “{key}”.")
        table, kind = known[key]
        public_id = public_id_of(f"{table}.{key}")
        marks.append(Mark(start=len(text), end=len(text) + len(words), type=kind, ref="", key=public_id, data={}))
        names.add(f"{table}.{key}")
        text += words
    text += paragraph[at:]
    if "[[" in text or "]]" in text:
        raise SampleFault(f"{where}: a pair of square brackets is not closed.")
    return Passage(text, tuple(marks), frozenset(names))
