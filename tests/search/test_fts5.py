"""What only the embedded engine has: one file, several processes, words that must leave it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from search import analysis
from search.documents import SearchDocument
from search.engines import fts5_absence
from search.engines.base import Alternative, Condition, EngineQuery, SearchUnavailable, View
from search.engines.fts5 import Fts5Engine, match_expression
from search.engines.fts5_words import distance
from tests.search.conftest import PUBLIC, passage

WRITER = """
import sys
from pathlib import Path
from search.engines.fts5 import Fts5Engine
from search.documents import SearchDocument
engine, name, errors, done = Fts5Engine(Path(sys.argv[1])), sys.argv[2], 0, 0
while done < int(sys.argv[3]):
    work = f"{name}-{done % 7}"
    text = f"shared words of {name} number {done}"
    row = SearchDocument(f"{work}:1", work, "g", frozenset({"public"}), "testimony", "en", text, "Title")
    try:
        engine.remove(work) if done % 5 == 4 else engine.replace(work, [row])
    except Exception as error:
        errors += 1
        print(type(error).__name__, error, file=sys.stderr)
    done += 1
print(done, errors)
"""


def condition(*terms: str) -> Condition:
    return Condition((Alternative(terms),))


def count(engine: Fts5Engine, term: str) -> int:
    return engine.search(EngineQuery((condition(term),)), View(PUBLIC, time.time())).total


def test_two_processes_write_without_an_error(engine: Fts5Engine) -> None:
    engine.index([passage("first", "shared")])
    root = Path(__file__).resolve().parent.parent.parent
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(engine.store.path), name, "40"],
            cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    reads = 0
    while any(writer.poll() is None for writer in writers):
        assert count(engine, "share") >= 1
        reads += 1
    for writer in writers:
        out, err = writer.communicate()
        done, errors = map(int, out.split())
        assert (done, errors, err) == (40, 0, "")
    assert reads > 0
    assert engine.verify() == []


def test_readers_notice_nothing_while_a_rebuild_swaps(engine: Fts5Engine) -> None:
    published = {f"w{number}": [passage(f"w{number}", "water and bread")] for number in range(60)}
    engine.rebuild(sorted(published), published.__getitem__)
    wrong: list[object] = []
    reads = 0
    stop = threading.Event()

    def read() -> None:
        nonlocal reads
        while not stop.is_set():
            try:
                total = count(engine, "water")
            except SearchUnavailable as error:
                wrong.append(error)
            else:
                reads += 1
                if total != len(published):
                    wrong.append(total)
        engine.store.close()

    readers = [threading.Thread(target=read) for _reader in range(2)]
    for reader in readers:
        reader.start()
    for _round in range(6):
        engine.rebuild(sorted(published), published.__getitem__)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert reads > 20


def test_a_rebuild_in_child_processes_gives_the_same_index(engine: Fts5Engine, tmp_path: Path) -> None:
    published = {f"w{number}": [passage(f"w{number}", f"Łódź {number} testimonies")] for number in range(30)}
    engine.rebuild(sorted(published), published.__getitem__, processes=1)
    assert count(engine, "testimoni") == 30
    assert engine.verify() == []


def test_another_process_sees_a_removal_at_once(engine: Fts5Engine) -> None:
    other = Fts5Engine(engine.store.path)
    engine.index([passage("w1", "water"), passage("w2", "water")])
    assert count(other, "water") == 2
    engine.remove("w1")
    assert count(other, "water") == 1
    other.store.close()


def file_bytes(engine: Fts5Engine) -> bytes:
    paths = (engine.store.path, engine.store.path.with_name(engine.store.path.name + "-wal"))
    return b"".join(path.read_bytes() for path in paths if path.exists())


class TestWordsLeaveTheFile:
    SECRET = "Zdzisławanowicz hid the xylographer's mother"

    @pytest.fixture(autouse=True)
    def archive(self, engine: Fts5Engine) -> None:
        engine.index([passage("w1", self.SECRET), *(passage(f"o{number}", f"mother {number}") for number in range(40))])

    def test_a_removed_work_leaves_no_word(self, engine: Fts5Engine) -> None:
        assert "Zdzisławanowicz".encode() in file_bytes(engine)
        engine.remove("w1")
        proof = engine.prove_absence("w1", [self.SECRET])
        assert proof.holds, proof.problems
        assert proof.words_checked >= 3  # "mother" is said by others too and proves nothing
        assert proof.bytes_scanned >= engine.store.path.stat().st_size
        for word in ("Zdzisławanowicz", "zdzislawanowicz", "xylograph"):
            assert word.encode() not in file_bytes(engine)
        assert engine.verify() == []

    def test_a_work_still_in_the_index_is_removed_first(self, engine: Fts5Engine) -> None:
        proof = engine.prove_absence("w1")
        assert proof.holds and proof.words_checked >= 3
        assert "w1" not in engine.works()

    def test_terms_left_in_the_index_are_noticed_without_knowing_the_words(self, engine: Fts5Engine) -> None:
        with engine.store.writing() as (connection, epoch):
            connection.execute(f"DELETE FROM passage_{epoch} WHERE text = ?", (self.SECRET,))
            connection.execute(f"DELETE FROM profile_{epoch} WHERE work = 'w1'")
        proof = engine.prove_absence("w1")
        assert not proof.holds
        assert "more than its rows" in proof.problems[0]

    def test_the_proof_fails_when_the_index_is_not_merged(
        self, engine: Fts5Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The guard off: without optimize and truncation the words are still there, and the proof says so."""
        monkeypatch.setattr(fts5_absence, "_truncate_log", lambda store: True)
        monkeypatch.setattr(fts5_absence, "OPTIMIZE", "INSERT INTO fts_@ (fts_@) VALUES ('integrity-check')")
        assert not engine.prove_absence("w1").holds

    def test_words_that_two_columns_of_another_row_make_together_are_no_alarm(self, engine: Fts5Engine) -> None:
        """The text “… over the water” is followed in the file by its terms, “falls …”: nobody said “waterfalls”."""
        engine.index([passage("o1", "falls over the water"), passage("w2", "many waterfalls")])
        engine.remove("w2")
        assert b"waterfall" in file_bytes(engine)
        proof = engine.prove_absence("w2", ["many waterfall there"])
        assert proof.holds, proof.problems

    def test_a_set_left_by_a_dead_rebuild_is_cleared_too(self, engine: Fts5Engine) -> None:
        def dies(work: str) -> list[SearchDocument]:
            if work == "o1":
                raise RuntimeError("power cut")
            return [passage("w1", self.SECRET)] * 7_000

        with pytest.raises(RuntimeError):
            engine.rebuild(["w1", "o1"], dies)
        assert engine.prove_absence("w1").holds
        assert "Zdzisławanowicz".encode() not in file_bytes(engine)


def test_a_damaged_file_says_so_and_a_rebuild_mends_it(engine: Fts5Engine) -> None:
    engine.index([passage("w1", "water")])
    engine.store.close()
    engine.store.path.write_bytes(b"no database at all" * 1_000)
    with pytest.raises(SearchUnavailable, match="rebuild_search"):
        count(engine, "water")
    engine.rebuild(["w1"], lambda work: [passage("w1", "water")])
    assert count(engine, "water") == 1


def test_nobody_else_may_read_the_file(engine: Fts5Engine) -> None:
    engine.index([passage("w1", "water")])
    assert engine.store.path.stat().st_mode & 0o077 == 0


def test_the_index_knows_its_analysis(engine: Fts5Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.index([passage("w1", "water")])
    monkeypatch.setattr(analysis, "VERSION", "newer")
    assert engine.stats().analyser != "newer"
    assert any("version" in problem for problem in engine.verify())
    engine.rebuild(["w1"], lambda work: [passage("w1", "water")])
    assert engine.stats().analyser == "newer"


def test_verify_finds_an_index_that_disagrees(engine: Fts5Engine) -> None:
    engine.index([passage("w1", "water")])
    with engine.store.writing() as (connection, epoch):
        connection.execute(f"UPDATE passage_{epoch} SET terms = 'wine'")
    assert engine.verify() != []


def test_terms_are_quoted() -> None:
    assert match_expression([Condition((Alternative(('a"b', "c")), Alternative(("d",), prefix=True)))]) == (
        '("a""b c" OR "d" *)'
    )


@pytest.mark.parametrize(
    ("one", "other", "apart"), [("łódź", "łódź", 0), ("candle", "candel", 1), ("candle", "cndl", 2), ("abc", "xyz", 3)]
)
def test_distance_counts_edits(one: str, other: str, apart: int) -> None:
    assert distance(one, other, 2) == apart
