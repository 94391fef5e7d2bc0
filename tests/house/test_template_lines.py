"""Templates stand in lines a person can read; what is sent carries none of their indentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines
from hypothesis import given
from hypothesis import strategies as st

from config.indentation import without_indentation

ROOT = Path(settings.BASE_DIR)
LONGEST = 160
#: A sentence stays whole, however long: a break would make another message of it, which no catalogue knows.
_SENTENCE = re.compile(r"\{% blocktranslate.*?\{% endblocktranslate %\}|\{% translate .*?%\}")


def our_templates() -> list[Path]:
    rooms = [ROOT / "templates", *ROOT.glob("*/templates")]
    return sorted(path for folder in rooms for path in folder.rglob("*.html"))


def too_long(line: str) -> bool:
    """Whether a line is too long; one that holds a sentence and next to nothing else is not."""
    return len(line) > LONGEST and len(_SENTENCE.sub("", line, count=1).strip()) > 10


def test_every_template_stands_in_lines_a_person_can_read():
    assert len(our_templates()) > 90
    wrong = [
        f"{path.relative_to(ROOT)}:{number} has {len(line)} characters"
        for path in our_templates()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if too_long(line)
    ]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize(
    ("line", "long"),
    [
        ("<p>" + "x" * 160 + "</p>", True),
        ('    {% translate "' + "word " * 60 + '" %}', False),
        ('<p>{% translate "' + "word " * 60 + '" %}</p>', False),
        ('<p class="lead" lang="hy">{% translate "' + "word " * 60 + '" %}</p>', True),
        ("{% blocktranslate %}" + "word " * 60 + "{% endblocktranslate %}", False),
    ],
)
def test_the_measure_sees_a_long_line_and_spares_a_sentence(line, long):
    assert too_long(line) is long


def test_our_templates_come_without_their_indentation():
    source = (ROOT / "templates" / "archive" / "search.html").read_text("utf-8")
    loaded = engines["django"].engine.get_template("archive/search.html").source
    assert "\n    <h1>" in source and "\n<h1>" in loaded
    assert source.count("\n") == loaded.count("\n")


def test_mails_keep_theirs():
    path = "account/email/invitation_message.txt"
    assert engines["django"].engine.get_template(path).source == (ROOT / "templates" / path).read_text("utf-8")


@pytest.mark.parametrize(
    "kept",
    [
        "<pre>\n  two\n    four</pre>",
        "<textarea rows=2>\n  typed\n</textarea>",
        "<script>\n  let x = `\n    y`;\n</script>",
        "{% blocktranslate %}one\n  sentence{% endblocktranslate %}",
        "{% verbatim %}\n  {{ x }}\n{% endverbatim %}",
    ],
)
def test_what_its_blanks_mean_something_to_is_left(kept):
    assert without_indentation(f"<p>\n  a\n  {kept}\n  b\n</p>") == f"<p>\na\n{kept}\nb\n</p>"


_BLANKS = ["\n", "\n  ", " ", "  ", "\t"]
_WORDS = ["a", "é", "<", "{%", "%}", "{{ a }}", "<b>", "</b>", "{% if a %}", "{% endif %}"]
_KEEPERS = ["<pre>", "</pre>", "<textarea>", "</textarea>", "{% blocktranslate %}", "{% endblocktranslate %}"]


@given(st.lists(st.sampled_from([*_BLANKS, *_WORDS, *_KEEPERS]), max_size=40).map("".join))
def test_words_lines_and_blanks_between_words_stay(source):
    loaded = without_indentation(source)
    assert loaded.split() == source.split()
    assert loaded.count("\n") == source.count("\n")
    # A blank is never taken from between two words of one line.
    assert [line.strip(" \t").split(" ") for line in loaded.split("\n")] == [
        line.strip(" \t").split(" ") for line in source.split("\n")
    ]
    assert without_indentation(loaded) == loaded
