"""Which paragraphs of a translation belong to which of the original.

A paragraph belongs to the page on which it starts. Between page breaks that both texts have, equal counts pair one to
one; otherwise a monotone alignment by length is made and taken when it is sure enough; otherwise the page is one
group. Nothing is invented: a paragraph without a counterpart stands alone.

The model is Gale and Church, "A Program for Aligning Sentences in Bilingual Corpora", Computational Linguistics 19(1),
1993: the length of a translation is normal around ``c`` times the original's with variance ``s2`` per character; each
kind of bead (1:1, 1:2 …) has a prior. Sureness is the posterior probability of the chosen beads, summed over all
alignments by the forward-backward algorithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

from archive.importing.anchors import make_anchor
from archive.importing.parsed import ParsedCue, ParsedTrack
from archive.importing.problems import Problem, problem

#: Priors of the beads (Gale and Church 1993, table 5), as (original, translation) paragraphs.
BEADS: dict[tuple[int, int], float] = {
    (1, 1): 0.89,
    (1, 0): 0.00495,
    (0, 1): 0.00495,
    (2, 1): 0.0445,
    (1, 2): 0.0445,
    (2, 2): 0.011,
}

#: Variance of the length per character of the original (Gale and Church 1993, section 3.2).
VARIANCE = 6.8

#: Mean posterior of the chosen beads, weighted by length, from which an alignment is taken.
CONFIDENCE = 0.9

#: Paragraphs the path may stray from the diagonal; bounds the work on a long text without page breaks.
BAND = 40

_NEVER = -1e18

_LOG_BEADS = tuple((a, b, math.log(prior)) for (a, b), prior in BEADS.items())


@dataclass(frozen=True)
class Bead:
    """Half-open ranges of paragraphs of the original and of the translation that belong together."""

    i1: int
    i2: int
    j1: int
    j2: int


def align_lengths(original: Sequence[int], translation: Sequence[int], ratio: float = 0.0) -> tuple[list[Bead], float]:
    """Align two sequences of paragraph lengths (characters) monotonely.

    ``ratio`` is the expected length of the translation for each character of the original; 0 takes it from the sums.
    Returns the most probable beads and their mean posterior probability weighted by length, 0 to 1.
    """
    n, m = len(original), len(translation)
    if not n or not m:
        return ([Bead(0, n, 0, m)] if n or m else []), 1.0 if not (n or m) else 0.0
    ratio = ratio or (sum(translation) + 1) / (sum(original) + 1)
    sums_i = _prefix_sums(original)
    sums_j = _prefix_sums(translation)
    near = _band(n, m)

    forward = {(0, 0): 0.0}
    best = {(0, 0): (0.0, (0, 0))}
    scores: dict[tuple[int, int, int, int], float] = {}
    for i in range(n + 1):
        for j in near(i):
            if not (i or j):
                continue
            ways: list[float] = []
            top = (_NEVER, (0, 0))
            for a, b, prior in _LOG_BEADS:
                before = (i - a, j - b)
                if before not in forward:
                    continue
                score = prior + _match(sums_i[i] - sums_i[i - a], sums_j[j] - sums_j[j - b], ratio)
                scores[(i - a, i, j - b, j)] = score
                ways.append(forward[before] + score)
                if best[before][0] + score > top[0]:
                    top = (best[before][0] + score, (a, b))
            if ways:
                forward[(i, j)] = _log_sum(ways)
                best[(i, j)] = top
    if (n, m) not in forward:
        return [Bead(0, n, 0, m)], 0.0
    backward = _backward(n, m, near, scores)
    return _read_path(n, m, best, forward, backward, scores, sums_i, sums_j)


def _read_path(
    n: int,
    m: int,
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]],
    forward: dict[tuple[int, int], float],
    backward: dict[tuple[int, int], float],
    scores: dict[tuple[int, int, int, int], float],
    sums_i: list[int],
    sums_j: list[int],
) -> tuple[list[Bead], float]:
    beads: list[Bead] = []
    total = forward[(n, m)]
    weighted = weight = 0.0
    i, j = n, m
    while i or j:
        a, b = best[(i, j)][1]
        bead = Bead(i - a, i, j - b, j)
        posterior = math.exp(
            min(0.0, forward[(bead.i1, bead.j1)] + scores[(bead.i1, i, bead.j1, j)] + backward[(i, j)] - total)
        )
        size = sums_i[i] - sums_i[bead.i1] + sums_j[j] - sums_j[bead.j1] + 1
        weighted += posterior * size
        weight += size
        beads.append(bead)
        i, j = bead.i1, bead.j1
    beads.reverse()
    return beads, weighted / weight


def _backward(
    n: int, m: int, near: Callable[[int], range], scores: dict[tuple[int, int, int, int], float]
) -> dict[tuple[int, int], float]:
    backward = {(n, m): 0.0}
    for i in range(n, -1, -1):
        for j in reversed(near(i)):
            if (i, j) == (n, m):
                continue
            ways = [
                backward[(i + a, j + b)] + scores[(i, i + a, j, j + b)]
                for a, b in BEADS
                if (i + a, j + b) in backward and (i, i + a, j, j + b) in scores
            ]
            if ways:
                backward[(i, j)] = _log_sum(ways)
    return backward


def _band(n: int, m: int) -> Callable[[int], range]:
    slope = m / n
    return lambda i: range(max(0, int(i * slope) - BAND), min(m, int(i * slope) + BAND) + 1)


def _prefix_sums(lengths: Sequence[int]) -> list[int]:
    sums = [0]
    for length in lengths:
        sums.append(sums[-1] + length)
    return sums


def _match(first: int, second: int, ratio: float) -> float:
    """Log of the two-sided tail probability that ``second`` characters translate ``first``."""
    mean = (first + second / ratio) / 2
    delta = (second - first * ratio) / math.sqrt(max(mean, 1.0) * VARIANCE)
    return math.log(max(math.erfc(abs(delta) / math.sqrt(2)), 1e-100))


def _log_sum(values: list[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def page_sequences(track: ParsedTrack) -> tuple[str, ...]:
    """Return the page labels of a track in the order in which its breaks stand, inline ones too."""
    pages: list[str] = []
    for cue in track.cues:
        if cue.page and (not pages or pages[-1] != cue.page) and cue.page not in pages:
            pages.append(cue.page)
        for mark in cue.marks:
            if mark.type == "page":
                label = str(mark.data.get("n", ""))
                if label and label not in pages:
                    pages.append(label)
    return tuple(pages)


def align(key: str, file: str, tracks: Sequence[ParsedTrack]) -> tuple[tuple[ParsedTrack, ...], list[Problem]]:
    """Return the tracks with alignment groups, and what was uncertain.

    The first original is the pivot. Cues that a source has grouped already (our own exports) stay as they are.
    """
    pivot = next((track for track in tracks if track.is_original and track.cues), None)
    others = [track for track in tracks if track is not pivot and track.kind in ("translation", "transcript")]
    if pivot is None or not any(track.cues for track in others):
        return tuple(tracks), []
    if all(cue.group for track in tracks for cue in track.cues):
        return tuple(tracks), []
    problems: list[Problem] = []
    #: Sets of pivot cues that some translation holds together; overlapping sets of several translations merge.
    joined = list(range(len(pivot.cues)))
    links: list[tuple[ParsedTrack, list[Bead]]] = []
    for track in others:
        if not track.cues:
            continue
        beads, uncertain = _align_pair(pivot, track)
        problems += [problem("alignment-uncertain", file, place, page=page or "–") for page, place in uncertain]
        for bead in beads:
            for index in range(bead.i1 + 1, bead.i2):
                _join(joined, bead.i1, index)
        links.append((track, beads))
    taken: set[str] = set()
    names: dict[int, str] = {}
    for index in range(len(pivot.cues)):
        head = _head(joined, index)
        if head not in names:
            names[head] = make_anchor(key, "group", head, taken=taken, prefix="g")
    grouped = {
        id(pivot): replace(
            pivot,
            cues=tuple(replace(cue, group=names[_head(joined, index)]) for index, cue in enumerate(pivot.cues)),
        )
    }
    for track, beads in links:
        groups = [""] * len(track.cues)
        for bead in beads:
            if bead.i1 == bead.i2:
                group = make_anchor(key, "group", track.id, bead.j1, taken=taken, prefix="g")
            else:
                group = names[_head(joined, bead.i1)]
            groups[bead.j1 : bead.j2] = [group] * (bead.j2 - bead.j1)
        grouped[id(track)] = replace(
            track, cues=tuple(replace(cue, group=group) for cue, group in zip(track.cues, groups, strict=True))
        )
    return tuple(grouped.get(id(track), track) for track in tracks), problems


def _head(joined: list[int], index: int) -> int:
    while joined[index] != index:
        index = joined[index]
    return index


def _join(joined: list[int], first: int, second: int) -> None:
    a, b = _head(joined, first), _head(joined, second)
    joined[max(a, b)] = min(a, b)


def _align_pair(pivot: ParsedTrack, track: ParsedTrack) -> tuple[list[Bead], list[tuple[str, str]]]:
    """Return the beads of a whole text and the page and place of each section that stayed one group."""
    ratio = (sum(len(cue.text) for cue in track.cues) + 1) / (sum(len(cue.text) for cue in pivot.cues) + 1)
    beads: list[Bead] = []
    uncertain: list[tuple[str, str]] = []
    for i1, i2, j1, j2 in _sections(pivot.cues, track.cues):
        if i2 - i1 == j2 - j1:
            beads += [Bead(i1 + step, i1 + step + 1, j1 + step, j1 + step + 1) for step in range(i2 - i1)]
            continue
        if i1 == i2 or j1 == j2:
            beads += [Bead(index, index + 1, j1, j1) for index in range(i1, i2)]
            beads += [Bead(i2, i2, index, index + 1) for index in range(j1, j2)]
            continue
        found, confidence = align_lengths(
            [len(cue.text) for cue in pivot.cues[i1:i2]], [len(cue.text) for cue in track.cues[j1:j2]], ratio
        )
        if confidence >= CONFIDENCE:
            beads += [Bead(i1 + b.i1, i1 + b.i2, j1 + b.j1, j1 + b.j2) for b in found]
        else:
            beads.append(Bead(i1, i2, j1, j2))
            if i2 - i1 > 1 and j2 - j1 > 1:
                uncertain.append((pivot.cues[i1].page, pivot.cues[i1].place))
    return beads, uncertain


def _sections(first: Sequence[ParsedCue], second: Sequence[ParsedCue]) -> list[tuple[int, int, int, int]]:
    """Cut both texts at the starts of the pages that both have in the same order."""
    runs_i, runs_j = _page_runs(first), _page_runs(second)
    labels_i = [label for label, _ in runs_i]
    labels_j = [label for label, _ in runs_j]
    if labels_i == labels_j:
        cuts = [(a, b) for (_, a), (_, b) in zip(runs_i, runs_j, strict=True)]
    else:
        blocks = SequenceMatcher(None, labels_i, labels_j, autojunk=False).get_matching_blocks()
        cuts = [
            (runs_i[block.a + step][1], runs_j[block.b + step][1])
            for block in blocks
            for step in range(block.size)
            if labels_i[block.a + step]
        ]
    cuts = [(0, 0), *(cut for cut in cuts if cut != (0, 0)), (len(first), len(second))]
    return [(i1, i2, j1, j2) for (i1, j1), (i2, j2) in pairwise(cuts) if (i1, j1) != (i2, j2)]


def _page_runs(cues: Sequence[ParsedCue]) -> list[tuple[str, int]]:
    runs: list[tuple[str, int]] = []
    for index, cue in enumerate(cues):
        if not runs or runs[-1][0] != cue.page:
            runs.append((cue.page, index))
    return runs
