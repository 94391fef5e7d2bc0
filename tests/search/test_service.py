"""The one entry: what a reader asks, what she gets."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from search import analysis, engines, service
from search.documents import Reach
from search.engines.base import AbsenceNotProven, AbsenceProof
from tests.search.conftest import MEMBERS, PUBLIC, Site, later, passage

pytestmark = pytest.mark.django_db


def index(site: Site) -> None:
    for work in site.published:
        engines.current().replace(work, site.documents_of(work))


@pytest.fixture
def archive(site: Site) -> Site:
    site.publish(
        passage("w1", "We carried water from the mill.", anchor="p-1", facets={"place": ("pl1",), "event": ("ev1",)},
                year_from=1941, year_to=1942, published_at=later(1)),
        passage("w1", "Nosiliśmy wodę z młyna.", anchor="p-2", language="pl", facets={"place": ("pl1",)},
                published_at=later(1)),
        passage("w2", "Water came over the bridge.", anchor="p-3", start_ms=61_500, end_ms=64_000, type="document",
                facets={"event": ("ev1",), "collection": ("c1",)}, year_from=1950, published_at=later(2)),
        passage("w3", "The secret well had no water.", stands=MEMBERS, facets={"place": ("hidden-place",)}),
    )  # fmt: skip
    index(site)
    return site


def test_a_passage_opens_at_its_place_with_its_words_marked(archive: Site) -> None:
    answer = service.search("water mill", PUBLIC, language="fr")
    assert answer.total == 1
    result = answer.results[0]
    assert (result.id, result.url) == ("w1", "/fr/testimony/w1/")
    hit = result.hits[0]
    assert hit.text_html == "We carried <mark>water</mark> from the <mark>mill</mark>."
    assert hit.url == "/fr/testimony/w1/#p-1"


def test_the_answer_has_the_shape_that_partners_rely_on(archive: Site) -> None:
    answer = json.loads(json.dumps(service.search("water", PUBLIC).as_json(timed=True)))
    assert set(answer) == {"query", "took_ms", "engine", "total", "results", "facets", "did_you_mean"}
    assert (answer["query"], answer["engine"], answer["total"], answer["did_you_mean"]) == ("water", "fts5", 2, None)
    result = next(result for result in answer["results"] if result["id"] == "w2")
    assert set(result) == {"id", "type", "title", "language", "url", "hits"}
    assert result["hits"] == [
        {
            "text_html": "<mark>Water</mark> came over the bridge.",
            "start_ms": 61_500,
            "end_ms": 64_000,
            "anchor": "p-3",
            "language": "en",
        }
    ]
    assert answer["facets"]["event"] == [{"value": "ev1", "label": "The flood", "count": 2}]
    assert {"type", "language", "event", "place", "collection", "period"} <= set(answer["facets"])


def test_an_empty_search_lists_everything_visible_newest_first(archive: Site) -> None:
    answer = service.search("  ", PUBLIC)
    assert [result.id for result in answer.results] == ["w2", "w1"]
    assert answer.total == 2
    assert {value.value for value in answer.facets["type"]} == {"testimony", "document"}


def test_nothing_of_what_the_public_may_not_see(archive: Site) -> None:
    answer = service.search("well", PUBLIC)
    assert (answer.total, answer.facets, answer.did_you_mean) == (0, {}, None)
    assert "hidden-place" not in json.dumps(service.search("water", PUBLIC).as_json(timed=True))
    assert service.search("wel", PUBLIC).did_you_mean is None
    assert service.search("place:hidden-place", PUBLIC).total == 0
    assert service.search("well", Reach("community")).total == 1


def test_did_you_mean(archive: Site) -> None:
    assert service.search("watre brigde", PUBLIC).did_you_mean == "water bridge"
    assert service.search("secert", PUBLIC).did_you_mean is None
    assert service.search("secert", Reach("community")).did_you_mean == "secret"


def test_filters_by_field_by_label_and_by_choice(archive: Site) -> None:
    assert [result.id for result in service.search("water type:document", PUBLIC).results] == ["w2"]
    assert [result.id for result in service.search('water place:"gorna dolina"', PUBLIC).results] == ["w1"]
    assert [result.id for result in service.search("water", PUBLIC, filters={"type": ["document"]}).results] == ["w2"]
    assert [result.id for result in service.search("year:1940..1945", PUBLIC).results] == ["w1"]
    assert [result.id for result in service.search("", PUBLIC, filters={"year": ["1950"]}).results] == ["w2"]
    assert [result.id for result in service.search("water -type:document", PUBLIC).results] == ["w1"]
    chosen = service.search("water", PUBLIC, filters={"type": ["document"], "nonsense": ["x"]})
    assert chosen.filters == {"type": ("document",)}
    assert [(value.value, value.selected) for value in chosen.facets["type"]] == [
        ("document", True),
        ("testimony", False),
    ]


def test_pages(archive: Site) -> None:
    first = service.search("water", PUBLIC, page=1, page_size=1)
    second = service.search("water", PUBLIC, page=2, page_size=1)
    assert (first.pages, first.total) == (2, 2)
    assert {first.results[0].id, second.results[0].id} == {"w1", "w2"}
    assert service.search("water", PUBLIC, page=99).results == ()
    assert service.search("water", PUBLIC, page=-3).page == 1


def test_what_was_not_understood_is_said(archive: Site) -> None:
    assert "colour" in service.search("colour:red", PUBLIC).notes[0]
    nothing = service.search("!!!", PUBLIC)
    assert (nothing.total, len(nothing.notes)) == (0, 1)


def test_a_row_whose_publication_is_gone_is_not_shown_nor_counted(archive: Site) -> None:
    del archive.published["w1"]
    answer = service.search("water", PUBLIC)
    assert [result.id for result in answer.results] == ["w2"]
    assert answer.total == 1
    assert "place" not in answer.facets


def test_a_passage_that_is_gone_alone_is_left_out(site: Site) -> None:
    site.publish(
        passage("w1", "dry land", anchor="p-0"),
        passage("w1", "water one", anchor="p-1"),
        passage("w1", "water two", anchor="p-2"),
    )
    index(site)
    site.gone.add(next(document.key for document in site.published["w1"] if document.anchor == "p-1"))
    answer = service.search("water", PUBLIC)
    assert [hit.anchor for hit in answer.results[0].hits] == ["p-2"]


@pytest.mark.parametrize(
    "attack", ["<script>alert('water')</script>", "<mark>water</mark>", "water\"'><img src=x onerror=a>"]
)
def test_no_text_title_or_query_becomes_html(site: Site, attack: str) -> None:
    site.publish(passage("w1", f"{attack} water", title=f"{attack} water"))
    index(site)
    answer = service.search(attack, PUBLIC)
    answer = answer if answer.total else service.search("water", PUBLIC)
    for shown in [answer.results[0].title_html, *(hit.text_html for hit in answer.results[0].hits)]:
        assert "<" not in re.sub("</?mark>", "", shown)


def test_queries_are_not_logged(archive: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        service.search("xylographer", PUBLIC)
        service.suggest("xylogr", PUBLIC)
    assert "xylogr" not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("search"))


def test_words_of_one_work_are_found_in_different_passages_when_none_has_all(archive: Site) -> None:
    answer = service.search("mill wodę", PUBLIC)
    assert [result.id for result in answer.results] == ["w1"]
    assert {hit.anchor for hit in answer.results[0].hits} == {"p-1", "p-2"}
    assert len(answer.notes) == 1
    assert service.search("conversation mill bridge", PUBLIC).total == 0
    # The words of a row that she does not see do not join those that she sees.
    assert service.search("conversation well", PUBLIC).total == 0
    assert service.search("mill water", PUBLIC).notes == ()


def test_absence_is_proven_of_withdrawn_works_only(archive: Site) -> None:
    with pytest.raises(ValueError, match="still published"):
        service.prove_absence("w1")
    del archive.published["w1"]
    assert service.prove_absence("w1").holds
    assert engines.current().works() == {"w2", "w3"}


def test_a_failed_proof_is_an_error_not_a_result(archive: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    del archive.published["w1"]
    left = AbsenceProof("w1", words_checked=3, bytes_scanned=1, leftovers=1, problems=("a word is still in the file",))
    monkeypatch.setattr(engines.Fts5Engine, "prove_absence", lambda *_arguments: left)
    with pytest.raises(AbsenceNotProven, match="w1: a word is still in the file"):
        service.prove_absence("w1")


def test_health_names_the_remedy(archive: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.health().ok and service.health().works == 3
    monkeypatch.setattr(analysis, "VERSION", "newer")
    state = service.health()
    assert not state.ok and state.rebuild_needed
    assert "rebuild_search" in state.message


def test_health_of_a_damaged_index(archive: Site, settings: Any) -> None:
    engines.current().store.close()  # type: ignore[attr-defined]
    settings.SEARCH_PATH.write_bytes(b"damaged" * 5_000)
    state = service.health()
    assert not state.ok and "rebuild_search" in state.message


def test_verify_compares_with_the_publications(archive: Site) -> None:
    assert service.verify() == []
    del archive.published["w1"]
    archive.publish(passage("w4", "new"))
    archive.publish(passage("w2", "one more", anchor="p-9"))
    assert service.verify() == [
        "w4: published, but not in the index.",
        "w1: in the index, but not published.",
        "w2: the index holds other passages than the publication.",
    ]
