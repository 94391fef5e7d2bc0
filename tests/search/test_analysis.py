"""A reader types a word in any form, script or spelling she knows, and finds the other forms."""

from __future__ import annotations

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from search import analysis
from search.analysis import analyser
from search.languages import segmentation
from search.languages.folding import fold
from search.languages.tags import primary_language

#: Of the same Unicode version as the analyser's patterns; Python's own may be older.
LETTER = regex.compile(r"[\p{L}\p{M}\p{N}]")
LANGUAGES = [
    "und",
    "en",
    "ar",
    "he",
    "yi",
    "hy",
    "hu",
    "pl",
    "cs",
    "uk",
    "rw",
    "km",
    "zh",
    "sr-Cyrl",
    "tr",
    "el",
    "fa",
    "th",
]

#: What one reader types and another wrote; each pair must meet in one term.
SAME = [
    ("pl", "Łodzi", "Łódź"),
    ("pl", "dzieckiem", "dziecko"),
    ("cs", "Terezíně", "Terezín"),
    ("hu", "Győrben", "Győr"),
    ("hu", "testvéreim", "testvér"),
    ("uk", "голодомору", "Голодомор"),
    ("uk", "війною", "війна"),
    ("uk", "п'ять", "пʼять"),
    ("uk", "п’ять", "п'ять"),
    ("uk", "сіл", "села"),
    ("ru", "ёлка", "елка"),
    ("rw", "abantu", "umuntu"),
    ("rw", "imiryango", "umuryango"),
    ("he", "המלחמה", "מלחמה"),
    ("he", "ובמלחמה", "מלחמה"),
    ("he", 'צה"ל', "צהל"),
    ("he", "שָׁלוֹם", "שלום"),
    ("yi", "אַלטער", "אלטער"),
    ("yi", "מענטשן", "מענטש"),
    ("yi", "ייִדיש", "ײִדיש"),
    ("ar", "كَتَبَ", "كتب"),
    ("ar", "المدرسة", "مدرسة"),
    ("ar", "إبادة", "ابادة"),
    ("fa", "می‌خواهم", "میخواهم"),
    ("hy", "Հայաստանում", "Հայաստան"),
    ("hy", "եւ", "և"),
    ("sr-Cyrl", "Београду", "Beograd"),
    ("sr-Latn", "Beogradu", "Београд"),
    ("bs", "ђаци", "đaci"),
    ("hr", "Ǉubav", "ljubav"),
    ("tr", "İSTANBUL", "istanbul"),
    ("el", "ΆΝΘΡΩΠΟΣ", "άνθρωπος"),
    ("de", "Straße", "STRASSE"),
    ("en", "mother’s", "mothers"),
    ("ar", "١٩١٥", "1915"),
    ("und", "Zażółć", "zazolc"),
]


@pytest.mark.parametrize(("language", "typed", "written"), SAME)
def test_forms_of_a_word_share_a_term(language: str, typed: str, written: str) -> None:
    assert analyser(language).terms(typed) == analyser(language).terms(written) != ""


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("uk", "її", "ии"),  # ї is a letter of its own
        ("ru", "йод", "иод"),
        ("mr", "दिन", "दीन"),  # vowel signs make the word
        ("th", "เสือ", "เสื้อ"),  # tiger and shirt differ by a tone mark
        ("pl", "kot", "kat"),
    ],
)
def test_different_words_stay_apart(language: str, one: str, other: str) -> None:
    assert analyser(language).terms(one) != analyser(language).terms(other)


def test_vocalised_arabic_and_pointed_yiddish_stay_whole_words() -> None:
    assert len(analyser("ar").terms("كَتَبَ الوَلَدُ").split()) == 2
    assert len(analyser("yi").terms("דער אַלטער ייִד").split()) == 3


def test_offsets_point_at_the_word_as_written() -> None:
    text = "Z getta w Łodzi, מן הגטו, и из гетто."
    spans = [text[token.start : token.end] for token in analyser("und").tokens(text)]
    assert spans == ["Z", "getta", "w", "Łodzi", "מן", "הגטו", "и", "из", "гетто"]


@pytest.mark.parametrize(
    ("language", "text", "part"), [("zh", "南京大屠杀纪念馆", "大屠杀"), ("ja", "広島の平和", "平和")]
)
def test_part_of_an_unspaced_text_is_a_run_of_its_terms(language: str, text: str, part: str) -> None:
    terms = analyser(language).terms(text).split()
    wanted = list(analyser(language).query(part).terms)
    assert any(terms[place : place + len(wanted)] == wanted for place in range(len(terms)))


def test_a_single_chinese_character_is_found_anywhere() -> None:
    typed = analyser("zh").query("杀")
    assert typed.prefix
    assert any(term.startswith(typed.terms[0]) for term in analyser("zh").terms("南京大屠杀").split())


@pytest.mark.skipif(segmentation.icu is not None, reason="PyICU is installed; Khmer is cut by its dictionary")
def test_khmer_without_a_dictionary_is_found_by_pairs_of_clusters() -> None:
    terms = analyser("km").terms("ខ្មែរក្រហម").split()
    wanted = list(analyser("km").query("ក្រហម").terms)
    assert any(terms[place : place + len(wanted)] == wanted for place in range(len(terms)))


@pytest.mark.skipif(
    segmentation.icu is None, reason="PyICU (extra [icu]) is not installed; Khmer is indexed as bigrams"
)
def test_khmer_with_a_dictionary_is_cut_into_words() -> None:
    assert "ក្រហម" in analyser("km").terms("ខ្មែរក្រហម").split()


@given(st.text(), st.sampled_from(LANGUAGES))
def test_any_text_gives_offsets_that_slice_it(text: str, language: str) -> None:
    rules = analyser(language)
    tokens = list(rules.tokens(text))
    assert " ".join(token.term for token in tokens) == rules.terms(text)
    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert [token.start for token in tokens] == sorted(token.start for token in tokens)
    for token in tokens:
        assert LETTER.search(text[token.start : token.end])


@given(st.text(), st.sampled_from(LANGUAGES))
def test_terms_hold_letters_marks_and_digits_only(text: str, language: str) -> None:
    for term in analyser(language).terms(text).split(" "):
        assert all(LETTER.match(letter) for letter in term)
        assert len(term) <= analysis.LONGEST_TERM


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text.lower())
    assert fold(once) == once


@given(st.text(), st.sampled_from(LANGUAGES))
def test_composed_and_decomposed_spelling_meet(text: str, language: str) -> None:
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert analyser(language).terms(composed).split() == analyser(language).terms(decomposed).split()


@given(st.text(), st.sampled_from(LANGUAGES))
def test_anything_can_be_typed(text: str, language: str) -> None:
    rules = analyser(language)
    assert isinstance(rules.query(text).terms, tuple)
    assert all(rules.beginnings(text))


def test_a_megabyte_without_a_space_is_one_short_term() -> None:
    assert analyser("en").terms("a" * 1_000_000) == "a" * analysis.LONGEST_TERM


def test_a_known_word_is_found_whole_by_what_is_typed() -> None:
    for language, _typed, written in SAME:
        assert " ".join(analyser(language).query(written).terms) == analyser(language).terms(written)


@pytest.mark.parametrize(
    ("tag", "primary"),
    [
        ("sr-Cyrl-BA", "sr"),
        ("hr", "sr"),
        ("iw", "he"),
        ("DE_at", "de"),
        ("", "und"),
        ("x", "und"),
        ("日本", "und"),
        ("hye", "hy"),
    ],
)
def test_language_tags_come_in_many_forms(tag: str, primary: str) -> None:
    assert primary_language(tag) == primary


def test_the_version_names_all_that_changes_terms() -> None:
    assert analysis.VERSION.startswith(f"rules{analysis.RULES};snowball")
    assert segmentation.DICTIONARY in analysis.VERSION
