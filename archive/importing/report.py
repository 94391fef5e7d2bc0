"""What an import says for itself: one structure for the terminal, the admin and the JSON file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from archive.importing.problems import DEFECT, NOTE, REFUSED, Problem
from archive.importing.safe_text import shown

#: What can become of one file or row; the values of `archive.models.ImportItem.Outcome`.
CREATED, UPDATED, UNCHANGED, CONFLICT = "created", "updated", "unchanged", "conflict"
OUTCOMES = (CREATED, UPDATED, UNCHANGED, CONFLICT, REFUSED)


@dataclass(frozen=True)
class ReportItem:
    """One file or row: what became of it, which record it is, and what is to be said about it."""

    source: str
    outcome: str
    record: str = ""
    title: str = ""
    published: bool = False
    problems: tuple[Problem, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the item for the JSON report."""
        return {
            "source": shown(self.source),
            "outcome": self.outcome,
            "record": self.record,
            "title": shown(self.title),
            "published": self.published,
            "problems": [one.as_dict() for one in self.problems],
        }


@dataclass
class Report:
    """Everything one import did. ``batch`` is the id that undoes it; empty in a dry run."""

    dry_run: bool = False
    batch: str = ""
    items: list[ReportItem] = field(default_factory=list)
    #: What was made on the way: “community”, “collection” and their short names.
    made: list[tuple[str, str]] = field(default_factory=list)
    #: Findings that belong to no item: texts without a row, files in a format nobody reads.
    problems: list[Problem] = field(default_factory=list)
    entities_with_authority: int = 0
    entities_without_authority: int = 0

    def add(self, item: ReportItem) -> None:
        """Add what became of one file or row."""
        self.items.append(item)

    @property
    def counts(self) -> dict[str, int]:
        """Number of items by outcome, with “published”."""
        found = Counter(item.outcome for item in self.items)
        return {outcome: found[outcome] for outcome in OUTCOMES} | {"published": sum(i.published for i in self.items)}

    def all_problems(self) -> Iterator[Problem]:
        """Yield every finding: of the import, then of its items in their order."""
        yield from self.problems
        for item in self.items:
            yield from item.problems

    @property
    def exit_code(self) -> int:
        """0 when all was taken, 1 when something was refused, 2 when no input could be opened."""
        refused = [one for one in self.all_problems() if one.severity == REFUSED]
        if not self.items and refused and all(one.code in ("cannot-open", "not-a-file") for one in refused):
            return 2
        if self.items and all(
            item.outcome == REFUSED and {one.code for one in item.problems} <= {"cannot-open", "not-a-file"}
            for item in self.items
        ):
            return 2
        return 1 if refused else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the whole report as JSON."""
        return {
            "schema": 1,
            "dry_run": self.dry_run,
            "batch": self.batch,
            "counts": self.counts,
            "made": [{"kind": kind, "name": shown(name)} for kind, name in self.made],
            "entities": {
                "with_authority": self.entities_with_authority,
                "without_authority": self.entities_without_authority,
            },
            "by_code": dict(sorted(Counter(one.code for one in self.all_problems()).items())),
            "problems": [one.as_dict() for one in self.problems],
            "items": [item.as_dict() for item in self.items],
        }

    def lines(self, *, notes: bool = False) -> Iterator[str]:
        """Yield the report for a terminal; ``notes`` adds what needs nobody's attention."""
        if self.dry_run:
            yield _("Dry run: nothing was written.")
        for kind, name in self.made:
            yield _("Made: {kind} “{name}”.").format(kind=kind, name=shown(name))
        for severity in (REFUSED, DEFECT, NOTE) if notes else (REFUSED, DEFECT):
            found = [one for one in self.all_problems() if one.severity == severity]
            if found:
                yield ""
                yield _HEADINGS[severity]() + f" ({len(found)})"
                yield from problem_lines(found)
        yield ""
        yield self.summary()
        hidden = sum(one.severity == NOTE for one in self.all_problems())
        if hidden and not notes:
            yield _("{count} notes are in the JSON report (--report FILE) and shown with --notes.").format(count=hidden)
        if self.batch:
            yield _("To take this import back: manage.py undo_import {batch}").format(batch=self.batch)

    def summary(self) -> str:
        """Return one sentence with the counts."""
        return _(
            "{created} created, {updated} with a new revision, {unchanged} unchanged, {conflict} in conflict, "
            "{refused} refused; {published} published."
        ).format(**self.counts)


_HEADINGS = {
    REFUSED: lambda: _("Refused"),
    DEFECT: lambda: _("Taken, with defects"),
    NOTE: lambda: _("Notes"),
}


def problem_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield one line for each finding: file, place, reason, remedy."""
    for one in problems:
        place = f":{shown(one.place)}" if one.place else ""
        yield f"  {shown(one.file)}{place}: {one.reason} {one.remedy}"
