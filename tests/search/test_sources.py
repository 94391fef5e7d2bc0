"""Two rooms have works; each is asked for its own, and neither can take the other's place."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from search import engines, service, sources
from search.sources import Facet
from tests.search.conftest import PUBLIC, Site, passage

pytestmark = pytest.mark.django_db


def another(**more: Any) -> Site:
    """A second room's source: sites, with places as the first has, and with eras."""
    facts: dict[str, Any] = {
        "name": "heritage",
        "types": frozenset({"site"}),
        "facets": (Facet("place", ("place",)), Facet("era", ("era",)), Facet("technique")),
        "labels": {("era", "e1"): "Bronze age", ("type", "site"): "Site"},
    }
    return Site(**(facts | more))


@pytest.fixture
def heritage(site: Site) -> Site:
    made = another()
    sources.register(made)
    site.publish(passage("w1", "water of the mill", facets={"place": ("pl1",)}))
    made.publish(passage("s1", "water of the well", type="site", facets={"place": ("pl1",), "era": ("e1",)}))
    for work in sources.all_works():
        engines.current().replace(work, sources.documents_of(work))
    return made


def test_works_of_two_rooms_are_found_together_with_their_facets_and_labels(heritage: Site) -> None:
    answer = service.search("water", PUBLIC)
    assert {result.url for result in answer.results} == {"/en/testimony/w1/", "/en/site/s1/"}
    assert [(value.label, value.count) for value in answer.facets["place"]] == [("Górna Dolina", 2)]
    assert [(value.label, value.count) for value in answer.facets["era"]] == [("Bronze age", 1)]
    assert {value.label for value in answer.facets["type"]} == {"testimony", "Site"}
    assert service.verify() == []


def test_a_facet_is_typed_and_chosen_by_the_names_its_room_gave_it(heritage: Site) -> None:
    assert [result.id for result in service.search('era:"bronze age"', PUBLIC).results] == ["s1"]
    assert [result.id for result in service.search("water", PUBLIC, filters={"era": ["e1"]}).results] == ["s1"]
    assert (
        service.search("technique:x", PUBLIC)
        .notes[0]
        .endswith("Fields: collection, era, event, language, period, person, place, risk, type, year.")
    )


def test_without_its_room_a_field_is_a_word_and_its_works_are_not_shown(
    heritage: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sources._registered, "heritage")
    assert [result.id for result in service.search("water", PUBLIC).results] == ["w1"]
    assert "era" in service.search("era:e1", PUBLIC).notes[0]


def test_a_room_answers_only_for_its_own_types(heritage: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one room withdrew is not shown because another still knows a row of that key."""
    heritage.gone.add(heritage.published["s1"][0].key)
    monkeypatch.setattr(sources._registered["valley"], "still_published", set)
    assert [result.id for result in service.search("water", PUBLIC).results] == ["w1"]


def test_works_of_a_type_that_no_source_has_are_said(site: Site) -> None:
    site.publish(passage("w9", "water", type="lesson"))
    engines.current().replace("w9", sources.documents_of("w9"))
    assert service.search("water", PUBLIC).total == 0
    assert service.verify() == ["lesson: works of this type are never shown, no source has it."]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": "valley"}, "registered already"),
        ({"types": frozenset({"site", "document"})}, r"share types: \['document'\]"),
        ({"facets": (Facet("where", ("place",)),)}, "“place:” means the facet “place” already"),
        ({"facets": (Facet("tongue", ("lang",)),)}, "“lang:” means the facet “language” already"),
        ({"facets": (Facet("era", ("year",)),)}, "“year:” means"),
        ({"facets": (Facet("era", ("é-ra",)),)}, "cannot be typed"),
    ],
)
def test_what_clashes_with_another_room_is_refused(site: Site, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        sources.register(another(**more))
    assert [source.name for source in sources.every()] == ["valley"]


def test_without_any_source_nothing_is_brought_up_to_date(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_registered", {})
    with pytest.raises(ImproperlyConfigured, match=r"search\.sources\.register"):
        list(sources.documents_of("w1"))


def test_the_archive_registers_its_own() -> None:
    archive = sources._registered["archive"]
    assert {"testimony", "document", "place", "person"} <= set(archive.types)
    assert set(sources.fields()) == {
        "type", "language", "lang", "period", "event", "place", "person", "collection", "risk"
    }  # fmt: skip
