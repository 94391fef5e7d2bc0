"""What the label of a speaker may not say: no word of a name by which she is not shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from archive.models.record import folded
from archive.projection.authorities import Words, words_of
from archive.values.text import WITHHELD

#: Shorter words of a name stand in any text.
SHORTEST = 3
#: Words this long are found inside of others too.
_LONG = 5
#: From here on scripts write without blanks between words: a name is looked for inside of them too.
WITHOUT_BLANKS = "\u2e80"
#: Words of names that name nobody, and stand in labels for themselves.
_PARTICLES = frozenset(("and", "bin", "bint", "das", "del", "della", "den", "der", "dos", "ibn", "the", "van", "von"))


@dataclass(frozen=True)
class Unlabelled:
    """One name of somebody who is shown by another, or by none."""

    name: Words
    #: Words of it that the work does not show anyway, and those of them that no label says, whatever stands beside.
    hidden: frozenset[str]
    words: frozenset[str]
    #: What a label that says them becomes.
    instead: str

    def instead_of(self, label: str, shown: frozenset[Words]) -> str | None:
        """What a label becomes, or None where it says nothing of her.

        :param shown: names that the work shows anyway: a label that is one of them means who bears it.
        """
        said = words_of(label)
        if not said:
            return None
        within = set(said) <= set(self.name) and bool(set(said) & self.hidden)
        if not within and said in shown:
            return None
        if within or set(self.name) <= set(said):
            return self.instead
        spelled = {form for word in said for form in _forms(word)}
        if spelled & self.words:
            return self.instead
        # A word that hers is only a part of: inflected, written together, or another name. It may mean somebody else.
        return WITHHELD if any(_within(word).search(folded(label)) for word in self.words) else None


def unlabelled_by(real: Iterable[Words], instead: str, allowed: Iterable[Words]) -> set[Unlabelled]:
    """The names that no label may say of somebody.

    :param instead: the name she is shown by in labels; empty: withheld.
    :param allowed: names whose words may be said of her.
    """
    may_be_said = {word for name in allowed for word in name}
    found = set()
    for name in real:
        hidden = frozenset(name) - may_be_said
        words = {word for word in hidden if len(word) >= SHORTEST or word >= WITHOUT_BLANKS} - _PARTICLES
        if hidden:
            found.add(Unlabelled(name, hidden, frozenset(words), instead or WITHHELD))
    return found


def _forms(word: str) -> set[str]:
    """A word without the digits of a numbered speaker, and without the s of a possessive."""
    bare = "".join(c for c in word if not c.isdigit())
    return {word, bare, bare.removesuffix("s")} - {""}


def _within(word: str) -> re.Pattern[str]:
    inside = len(word) >= _LONG or word >= WITHOUT_BLANKS
    return re.compile(("" if inside else r"(?<![^\W\d_])") + re.escape(word))
