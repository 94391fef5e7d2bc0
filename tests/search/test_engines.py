"""What every search engine must do; a further engine joins by the ``engine`` fixture."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.conditions import conditions
from search.documents import Reach, SearchDocument
from search.engines.base import Engine, EngineAnswer, EngineQuery, Filters, View
from search.query import parse
from tests.search.conftest import EVERYONE, MEMBERS, PUBLIC, later, passage


def view(reach: Reach = PUBLIC, hidden: frozenset[str] = frozenset(), now: float | None = None) -> View:
    return View(reach, time.time() if now is None else now, hidden)


def ask(engine: Engine, text: str, seen: View | None = None, **more: object) -> EngineAnswer:
    understood = conditions(parse(text).clauses, engine.languages())
    query = EngineQuery(tuple(condition for _clause, condition in understood), **more)  # type: ignore[arg-type]
    return engine.search(query, seen or view())


def found(answer: EngineAnswer) -> set[str]:
    return {work.work for work in answer.works}


def test_results_are_grouped_by_work_and_open_at_their_passage(engine: Engine) -> None:
    engine.index(
        [
            passage("w1", "We baked bread in the evening.", anchor="p-1", start_ms=61_000, end_ms=65_000),
            passage("w1", "The mill was closed.", anchor="p-2"),
            passage("w1", "Bread, only bread.", anchor="p-3"),
            passage("w2", "The church tower fell.", anchor="p-4"),
        ]
    )
    answer = ask(engine, "bread")
    assert (answer.total, len(answer.works)) == (1, 1)
    work = answer.works[0]
    assert (work.work, work.matches, work.title) == ("w1", 2, "Conversation w1")
    assert {hit.anchor for hit in work.passages} == {"p-1", "p-3"}
    opened = next(hit for hit in work.passages if hit.anchor == "p-1")
    assert (opened.start_ms, opened.end_ms, opened.text) == (61_000, 65_000, "We baked bread in the evening.")


def test_a_stem_of_one_language_finds_nothing_in_another(engine: Engine) -> None:
    # Snowball's German stem of “Hunger” is “hung”, an English past tense.
    engine.index(
        [
            passage("w1", "A coat hung over the door.", anchor="p-1", language="en"),
            passage("w2", "Der Hunger kam im Winter.", anchor="p-2", language="de"),
            passage("w3", "The hunger came in winter.", anchor="p-3", language="en"),
        ]
    )
    assert found(ask(engine, "hunger")) == {"w2", "w3"}
    assert found(ask(engine, "winter -hunger")) == set()


@pytest.mark.parametrize(
    ("language", "written", "typed"),
    [
        ("pl", "Wywieziono nas do Łodzi.", "lodz"),
        ("hu", "A testvéreim Győrben maradtak.", "Győr"),
        ("yi", "דער אַלטער ייִד איז געקומען", "אלטער"),
        ("ar", "كَتَبَ الوَلَدُ رِسالةً", "كتب"),
        ("hy", "Մենք ապրում էինք Հայաստանում։", "Հայաստան"),
        ("uk", "Під час голодомору мати мовчала.", "голодомор"),
        ("rw", "Abantu bose barahunze.", "umuntu"),
        ("he", "אחרי המלחמה חזרנו", "מלחמה"),
        ("sr-Cyrl", "Живели смо у Београду.", "Beograd"),
        ("bs", "Živjeli smo u Beogradu.", "Београд"),
        ("km", "យើងរស់នៅក្រោមខ្មែរក្រហម", "ខ្មែរក្រហម"),
        ("zh", "我们记得南京大屠杀。", "大屠杀"),
        ("zh", "我们记得南京大屠杀。", "杀"),
        ("tr", "İstanbul'dan geldik", "istanbul"),
    ],
)
def test_a_reader_finds_a_word_whatever_its_form_or_script(
    engine: Engine, language: str, written: str, typed: str
) -> None:
    engine.index([passage("w1", written, language=language, title=""), passage("w2", "nothing of it", title="")])
    assert found(ask(engine, typed)) == {"w1"}


def test_all_words_phrases_exclusions_and_beginnings(engine: Engine) -> None:
    engine.index(
        [
            passage("w1", "the winter of hunger and bread", title=""),
            passage("w2", "hunger in winter", title=""),
            passage("w3", "testimonies about winter", title=""),
        ]
    )
    assert found(ask(engine, "winter hunger")) == {"w1", "w2"}
    assert found(ask(engine, '"winter of hunger"')) == {"w1"}
    assert found(ask(engine, "winter -bread")) == {"w2", "w3"}
    assert found(ask(engine, "testim*")) == {"w3"}
    assert found(ask(engine, "-hunger")) == {"w3"}
    assert found(ask(engine, "winter absent")) == set()


def test_the_title_is_searched_and_shown_once(engine: Engine) -> None:
    engine.index(
        [
            passage("w1", "jeden", title="The miller's daughter", language="pl"),
            passage("w1", "one", title="The miller's daughter", language="en"),
        ]
    )
    answer = ask(engine, "miller")
    assert answer.total == 1
    assert [hit.text for hit in answer.works[0].passages] == ["The miller's daughter"]
    assert answer.works[0].passages[0].is_title


def test_a_work_without_text_is_found_by_its_title(engine: Engine) -> None:
    engine.index([passage("c1", "", title="Letters from the valley", type="collection")])
    assert found(ask(engine, "letters")) == {"c1"}
    assert ask(engine, "").total == 1


def test_everything_newest_first(engine: Engine) -> None:
    engine.index([passage(f"w{day}", "text", published_at=later(day)) for day in (3, 1, 2)])
    answer = ask(engine, "", limit=2)
    assert [work.work for work in answer.works] == ["w3", "w2"]
    assert answer.total == 3
    assert [work.work for work in ask(engine, "", limit=2, offset=2).works] == ["w1"]


def test_facets_count_works_not_passages(engine: Engine) -> None:
    facts = {"collection": ("c1",), "event": ("flood",), "place": ("mill", "bridge")}
    engine.index(
        [
            passage("w1", "water", facets=facts, year_from=1941, year_to=1942),
            passage("w1", "water again", facets=facts | {"place": ("mill",)}, year_from=1941, year_to=1942),
            passage("w1", "woda water", facets=facts, language="pl"),
            passage("w2", "water", facets={"collection": ("c1",), "event": ("fire",)}, type="document"),
        ]
    )
    facets = ask(engine, "water").facets
    assert facets["collection"] == [("c1", 2)]
    assert facets["place"] == [("bridge", 1), ("mill", 1)]
    assert facets["type"] == [("document", 1), ("testimony", 1)]
    assert facets["language"] == [("en", 2), ("pl", 1)]
    assert facets["period"] == [("1940s", 1)]


def test_a_chosen_value_narrows_but_its_facet_still_offers_the_others(engine: Engine) -> None:
    engine.index(
        [
            passage("w1", "water", facets={"event": ("flood",)}, type="testimony"),
            passage("w2", "water", facets={"event": ("fire",)}, type="document"),
        ]
    )
    answer = ask(engine, "water", filters=Filters(kept={"event": frozenset({"flood"})}))
    assert found(answer) == {"w1"}
    assert answer.facets["event"] == [("fire", 1), ("flood", 1)]
    assert answer.facets["type"] == [("testimony", 1)]
    both = Filters(kept={"event": frozenset({"flood", "fire"})})
    assert ask(engine, "water", filters=both).total == 2
    assert found(ask(engine, "water", filters=Filters(left_out={"event": frozenset({"flood"})}))) == {"w2"}
    assert ask(engine, "water", filters=Filters(kept={"event": frozenset({"unheard of"})})).total == 0


def test_years_keep_what_overlaps(engine: Engine) -> None:
    engine.index(
        [passage("w1", "x", year_from=1939, year_to=1942), passage("w2", "x", year_from=1950), passage("w3", "x")]
    )
    assert found(ask(engine, "", filters=Filters(year_from=1942, year_to=1944))) == {"w1"}
    assert found(ask(engine, "", filters=Filters(year_from=1942))) == {"w1", "w2"}


def test_a_language_keeps_its_scripts(engine: Engine) -> None:
    engine.index([passage("w1", "x", language="sr-Cyrl"), passage("w2", "x", language="sr-Latn"), passage("w3", "x")])
    assert found(ask(engine, "", filters=Filters(kept={"language": frozenset({"sr"})}))) == {"w1", "w2"}
    assert found(ask(engine, "", filters=Filters(kept={"language": frozenset({"sr-Cyrl"})}))) == {"w1"}


class TestWhoSeesWhat:
    """A viewer sees the rows of her one stand, in hits, counts, facets, suggestions and corrections."""

    @pytest.fixture(autouse=True)
    def archive(self, engine: Engine) -> None:
        engine.index(
            [
                passage(
                    "w1", "the mill burned", stands=frozenset({"public", "registered"}), facets={"place": ("mill",)}
                ),
                passage("w1", "the mill burned and Zdzisława hid", stands=MEMBERS, facets={"place": ("cellar",)}),
                passage("w2", "the mill of others", group="hills", facets={"place": ("hill",)}),
                passage("w3", "mill, secret xylophone", group="hills", stands=MEMBERS, title="Hidden millstone"),
            ]
        )

    def test_the_public_sees_the_public_rows(self, engine: Engine) -> None:
        answer = ask(engine, "mill")
        assert (found(answer), answer.total) == ({"w1", "w2"}, 2)
        assert answer.facets["place"] == [("hill", 1), ("mill", 1)]
        assert ask(engine, "Zdzisława").total == ask(engine, "xylophone").total == 0
        assert ask(engine, "").total == 2

    def test_a_member_sees_one_projection_of_her_works_and_the_public_one_of_others(self, engine: Engine) -> None:
        member = view(Reach("public", by_group={"valley": "community"}))
        answer = ask(engine, "mill", member)
        assert (found(answer), answer.total) == ({"w1", "w2"}, 2)
        assert next(work for work in answer.works if work.work == "w1").matches == 1
        assert answer.facets["place"] == [("cellar", 1), ("hill", 1)]
        assert ask(engine, "xylophone", member).total == 0

    def test_a_grant_for_one_work(self, engine: Engine) -> None:
        granted = view(Reach("public", by_work={"w3": "community"}))
        assert found(ask(engine, "xylophone", granted)) == {"w3"}
        assert ask(engine, "Zdzisława", granted).total == 0

    def test_a_stand_nobody_serves_sees_nothing(self, engine: Engine) -> None:
        assert ask(engine, "mill", view(Reach("nobody"))).total == 0
        assert ask(engine, "", view(Reach("nobody"))).facets == {}

    def test_hidden_works_are_in_no_answer(self, engine: Engine) -> None:
        without = view(hidden=frozenset({"w1"}))
        answer = ask(engine, "mill", without)
        assert (found(answer), answer.total) == ({"w2"}, 1)
        assert answer.facets["place"] == [("hill", 1)]
        assert engine.suggest("conversation w1", without) == []

    def test_nothing_is_shown_after_its_time(self, engine: Engine) -> None:
        engine.index([passage("w4", "mill until Monday", not_after=later(1))])
        before, after = later(0).timestamp(), (later(1) + timedelta(seconds=1)).timestamp()
        assert "w4" in found(ask(engine, "mill", view(now=before)))
        assert "w4" not in found(ask(engine, "mill", view(now=after)))

    def test_suggestions_and_corrections_come_from_visible_rows(self, engine: Engine) -> None:
        insider = view(Reach("community"))
        assert engine.suggest("xylo", insider) == ["xylophone"]
        assert engine.suggest("xylo", view()) == []
        assert engine.suggest("hidden", insider)[0] == "Hidden millstone"
        assert engine.suggest("hidden", view()) == []
        assert engine.corrections("xylophnoe", insider) == ["xylophone"]
        assert engine.corrections("xylophnoe", view()) == []

    def test_excluding_a_word_does_not_tell_of_unseen_rows(self, engine: Engine) -> None:
        assert found(ask(engine, "-Zdzisława")) == {"w1", "w2"}
        assert found(ask(engine, "-Zdzisława", view(Reach("community")))) == {"w2", "w3"}


_WORDS = st.sampled_from(["bread", "water", "winter", "mill"])
_ROWS = st.lists(
    st.builds(
        lambda work, text, stands, group, number: passage(
            f"w{work}", " ".join(text), stands=frozenset(stands), group=f"g{group + work % 2}", anchor=f"p-{number}"
        ),
        st.integers(0, 4),
        st.lists(_WORDS, min_size=1, max_size=4),
        st.sets(st.sampled_from(sorted(EVERYONE)), min_size=1),
        st.just(0),
        st.integers(0, 99),
    ),
    max_size=14,
)
_REACHES = st.builds(
    Reach,
    st.sampled_from(sorted(EVERYONE)),
    st.dictionaries(st.sampled_from(["g0", "g1"]), st.sampled_from(sorted(EVERYONE))),
    st.dictionaries(st.sampled_from(["w0", "w1", "w2"]), st.sampled_from(sorted(EVERYONE))),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS, reach=_REACHES, word=_WORDS, hidden=st.sets(st.sampled_from(["w0", "w3"])))
def test_any_archive_shows_each_viewer_exactly_her_rows(
    engine: Engine, rows: list[SearchDocument], reach: Reach, word: str, hidden: set[str]
) -> None:
    """Against the definition in Reach, row by row."""
    for work in engine.works():
        engine.remove(work)
    engine.index(rows)
    expected = {row.work for row in rows if reach.sees(row) and row.work not in hidden and word in row.text.split()}
    answer = ask(engine, word, view(reach, frozenset(hidden)), passages=50)
    assert found(answer) == expected
    assert answer.total == len(expected)
    assert dict(answer.facets.get("type", [])) == ({"testimony": len(expected)} if expected else {})
    shown = {hit.key for work in answer.works for hit in work.passages}
    assert shown <= {row.key for row in rows if reach.sees(row)}


def test_replacing_a_work_leaves_nothing_of_it(engine: Engine) -> None:
    engine.index([passage("w1", "the first wording"), passage("w2", "other")])
    assert engine.replace("w1", [passage("w1", "the second wording")])
    assert ask(engine, "first").total == 0
    assert ask(engine, "second").total == 1
    assert engine.verify() == []


def test_a_late_change_never_brings_a_removed_work_back(engine: Engine) -> None:
    assert engine.replace("w1", [passage("w1", "water")], sequence=4)
    assert engine.remove("w1", sequence=6)
    assert not engine.replace("w1", [passage("w1", "water")], sequence=5)
    assert not engine.replace("w1", [passage("w1", "water")], sequence=6)
    assert ask(engine, "water").total == 0
    assert engine.replace("w1", [passage("w1", "water")], sequence=7)
    assert ask(engine, "water").total == 1


def test_a_rebuild_holds_what_the_works_say_now(engine: Engine) -> None:
    engine.index([passage("w1", "old water"), passage("w9", "gone")])
    published = {"w1": [passage("w1", "new bread")], "w2": [passage("w2", "water")]}
    report = engine.rebuild(sorted(published), published.__getitem__)
    assert (report.works, report.passages) == (2, 2)
    assert engine.works() == {"w1", "w2"}
    assert found(ask(engine, "water")) == {"w2"}
    assert engine.stats().passages == 2
    assert engine.verify() == []


def test_works_changed_during_a_rebuild_are_not_lost(engine: Engine) -> None:
    published = {"w1": [passage("w1", "water")], "w2": [passage("w2", "water")], "w3": [passage("w3", "water")]}
    asked: list[str] = []

    def documents_of(work: str) -> list[SearchDocument]:
        asked.append(work)
        rows = published.get(work, [])
        if work == "w2" and asked.count("w2") == 1:
            # While the rebuild reads the second work, somebody withdraws the first and corrects the second.
            del published["w1"]
            engine.remove("w1", sequence=11)
            published["w2"] = [passage("w2", "bread")]
            engine.replace("w2", published["w2"], sequence=12)
        return rows

    engine.rebuild(["w1", "w2", "w3"], documents_of)
    assert found(ask(engine, "water")) == {"w3"}
    assert found(ask(engine, "bread")) == {"w2"}
    assert not engine.replace("w1", [passage("w1", "water")], sequence=10)


def test_text_that_no_store_could_take_is_stored_without_it(engine: Engine) -> None:
    engine.index([passage("w1", "bread \ud800 and \x00 water", title="t\udfff")])
    assert found(ask(engine, "bread")) == {"w1"}
    assert "\ud800" not in ask(engine, "bread").works[0].passages[0].text


@pytest.mark.parametrize(
    "typed", ['"', '" OR "', "NEAR(bread water)", "terms:bread", "bread*^", "{bread}", "-", "(((", "a' OR 1=1 --"]
)
def test_nothing_typed_is_syntax_of_the_engine(engine: Engine, typed: str) -> None:
    engine.index([passage("w1", "bread and water")])
    ask(engine, typed)


def test_corrections_are_spelt_as_in_the_texts(engine: Engine) -> None:
    engine.index([passage("w1", "Our testimony about the liberation of Łódź, liberation at last")])
    assert engine.corrections("testmony", view()) == ["testimony"]
    assert engine.corrections("liberatoin", view()) == ["liberation"]
    assert engine.corrections("łosz", view()) == ["łódź"] or engine.corrections("łodx", view()) == ["łódź"]
    assert engine.corrections("qqqqqqqq", view()) == []


def test_documents_of_another_work_are_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="'w2'"):
        engine.replace("w1", [passage("w2", "x")])
    assert engine.works() == set()
