"""What can be wrong with a file: every reason has a code, a sentence and a remedy.

A `Problem` holds values, not sentences, so that one finding reads in the terminal, in the admin (in the reader's
language) and in the JSON report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext, gettext_noop

from archive.importing.safe_text import shown

#: The file (or this part of it) was not taken.
REFUSED = "refused"
#: Taken, and something in it is wrong or missing: a person should look.
DEFECT = "defect"
#: Taken; worth knowing.
NOTE = "note"


class Reason(NamedTuple):
    """What one code means: how grave, the sentence, and what to do about it."""

    severity: str
    text: str
    remedy: str


_ = gettext_noop

REASONS: dict[str, Reason] = {
    # --- reading
    "cannot-open": Reason(
        REFUSED,
        _("The file cannot be opened: {why}."),
        _("Check the path and that this user may read it."),
    ),
    "not-a-file": Reason(REFUSED, _("This is no regular file."), _("Give a file or a folder of files.")),
    "leaves-folder": Reason(
        REFUSED,
        _("The path leads outside the folder that is imported."),
        _("Copy the file into the folder and name it by a relative path."),
    ),
    "too-large": Reason(
        REFUSED,
        _("The file has {bytes} bytes; at most {limit} are read."),
        _("Split it into parts."),
    ),
    "empty-file": Reason(REFUSED, _("The file is empty."), _("Supply the file again.")),
    "unknown-format": Reason(
        REFUSED,
        _("The format of this file is not known."),
        _("Name it with --format, or convert it to one of: {formats}."),
    ),
    "wrong-encoding": Reason(
        REFUSED,
        _("The text is not {encoding}: byte {byte} does not fit. It may be {guess}."),
        _("Save it as UTF-8, for example: iconv -f {guess} -t UTF-8. Or name its encoding in the mapping file."),
    ),
    "unknown-encoding": Reason(
        REFUSED, _("The declared encoding “{encoding}” is not known."), _("Save the file as UTF-8 and declare that.")
    ),
    "control-characters": Reason(
        DEFECT,
        _("{count} control characters were left out of the text."),
        _("Check this place against the original."),
    ),
    "internal": Reason(
        REFUSED,
        _("This file met a fault in the program ({kind})."),
        _("Report it with the file, if it may be shown; the other files are not affected."),
    ),
    # --- XML
    "not-well-formed": Reason(
        REFUSED,
        _("This is not well-formed XML: {why}."),
        _("Correct the file with an XML editor; it names the same place."),
    ),
    "has-dtd": Reason(
        REFUSED,
        _("The file brings a document type declaration (DTD) or entities of its own."),
        _("Remove the DOCTYPE line; write entities out as characters."),
    ),
    "too-deep": Reason(
        REFUSED,
        _("Elements are nested more than {limit} deep."),
        _("Check how the file was made: no edition needs this."),
    ),
    "too-many-elements": Reason(REFUSED, _("The file has more than {limit} elements."), _("Split it into parts.")),
    "not-tei": Reason(
        REFUSED,
        _("The root element is “{name}”, not TEI in the TEI namespace."),
        _("Convert to TEI P5 (xmlns=http://www.tei-c.org/ns/1.0)."),
    ),
    "tei-corpus": Reason(
        REFUSED, _("The file is a corpus of several texts."), _("Split it into one file for each TEI element.")
    ),
    "text-outside-paragraph": Reason(
        NOTE,
        _("Text stands outside of any paragraph; it was taken as a paragraph."),
        _("Put it into a paragraph in the source, if that is what it is."),
    ),
    "element-kept-as-text": Reason(
        NOTE,
        _("The element “{name}” ({count} times) has no counterpart here: its text and its name are kept."),
        _("Nothing needs to be done."),
    ),
    "text-not-taken": Reason(
        DEFECT,
        _("The part “{name}” of the file was not taken into the text."),
        _("Check whether it belongs to the text; if so, put it into the original or the translation."),
    ),
    # --- what a work has or lacks
    "no-title": Reason(DEFECT, _("There is no title; “{title}” stands in its place."), _("Give a title in the admin.")),
    "no-text": Reason(REFUSED, _("The file has neither text nor a title."), _("Check that it is the right file.")),
    "original-empty": Reason(
        DEFECT,
        _("The original has no text."),
        _("Transcribe it from the facsimile, or leave the record with its description alone."),
    ),
    "translation-empty": Reason(
        DEFECT, _("The translation has no text; no translation was made of it."), _("Supply the translation.")
    ),
    "translation-placeholder": Reason(
        DEFECT,
        _("The translation says only “{text}”; no translation was made of it."),
        _("Supply the translation."),
    ),
    "no-original": Reason(
        DEFECT,
        _("No part of the text is marked as the original; the whole was taken as the original."),
        _('Mark it with <div type="original"> if there is a translation too.'),
    ),
    "language-missing": Reason(
        DEFECT,
        _("The text does not say its language; “{language}” was taken from {where}."),
        _("Add xml:lang in the source, or choose the language in the admin."),
    ),
    "language-unknown": Reason(
        DEFECT,
        _("“{declared}” is no language tag; the language stays undetermined."),
        _("Choose the language in the admin, or write a BCP 47 tag such as yi, hu, sr-Latn."),
    ),
    "language-normalised": Reason(
        DEFECT,
        _("The language “{declared}” was normalised to “{language}”; the declared one is kept."),
        _("Write the BCP 47 tag in the source."),
    ),
    "languages-disagree": Reason(
        DEFECT,
        _("The header names the language “{header}”, the text “{text}”; the text was believed."),
        _("Correct the header."),
    ),
    "script-differs": Reason(
        DEFECT,
        _("The text is declared “{language}” but written mostly in {script} letters."),
        _("Add the script to the tag, for example yi-Latn."),
    ),
    "pages-differ": Reason(
        DEFECT,
        _("The page breaks of the original and of the translation differ ({original} against {translation})."),
        _("Compare the page breaks; text between breaks that both have is aligned as one page."),
    ),
    "pages-in-one-only": Reason(
        NOTE,
        _("Only one of original and translation has page breaks; the text is aligned as a whole."),
        _("Nothing needs to be done."),
    ),
    "alignment-uncertain": Reason(
        NOTE,
        _("Original and translation of page {page} could not be paired paragraph by paragraph; they stand together."),
        _("Pair them in the transcript editor."),
    ),
    "date-invalid": Reason(
        DEFECT, _("“{value}” is no date."), _("Write 1944, 1944-05 or 1944-05-12, or choose the date in the admin.")
    ),
    "date-imprecise": Reason(
        NOTE, _("The date “{value}” names no day; it was taken as precisely as it is known."), _("Nothing to do.")
    ),
    "licence-missing": Reason(
        NOTE,
        _("The file names no licence."),
        _("Give the rights with --rights FILE; until then the record stays unpublished."),
    ),
    "address-not-web": Reason(
        DEFECT,
        _("“{value}” is no address on the web; it was left out."),
        _("Write an address that begins with https:// or http://."),
    ),
    "facsimiles-not-supplied": Reason(
        NOTE,
        _("{count} page images are named and none was supplied ({first} …)."),
        _("Attach the images in the admin if you hold them."),
    ),
    "facsimile-missing": Reason(
        NOTE, _("The page image “{name}” is named and not supplied."), _("Attach it in the admin if you hold it.")
    ),
    "entities-without-authority": Reason(
        NOTE,
        _("{count} names are marked without an identifier: they get no authority record."),
        _("Link them in the admin."),
    ),
    "hidden-characters": Reason(
        DEFECT,
        _("Hidden characters ({found}) were removed from the name “{name}”."),
        _("Check whether two different names were meant."),
    ),
    "hidden-characters-in-text": Reason(
        NOTE,
        _("The text holds direction or zero-width controls ({found}); they are kept and shown harmlessly."),
        _("Check this place against the original."),
    ),
    "mixed-scripts": Reason(
        DEFECT,
        _("The name “{name}” mixes {scripts} letters inside one word; it is kept as it is."),
        _("Check the spelling: the letters look alike."),
    ),
    # --- times
    "time-invalid": Reason(REFUSED, _("“{value}” is no time; this cue was left out."), _("Write hh:mm:ss.ttt.")),
    "time-backwards": Reason(
        REFUSED,
        _("The cue ends ({end}) before it starts ({start}); it was left out."),
        _("Correct the times."),
    ),
    "time-order": Reason(
        DEFECT,
        _("The cue starts ({start}) before the one above it ({previous}); cues were sorted by their start."),
        _("Correct the times if the order of the text was meant."),
    ),
    "cue-without-text": Reason(NOTE, _("The cue has no text; it was left out."), _("Nothing needs to be done.")),
    "cue-without-time": Reason(
        REFUSED, _("Text stands without a time; it was left out."), _("Give it a line with start and end.")
    ),
    "not-webvtt": Reason(REFUSED, _("The file does not begin with WEBVTT."), _("Put WEBVTT alone on the first line.")),
    "tag-ignored": Reason(
        NOTE,
        _("The tags {names} mean nothing in captions; their text is kept as plain text."),
        _("Nothing needs to be done."),
    ),
    "no-cues": Reason(REFUSED, _("The file has no cue that can be used."), _("Check the times and the format.")),
    "times-missing": Reason(
        NOTE, _("The export leaves out {count} passages: they have no times."), _("Give them times.")
    ),
    # --- tables
    "mapping-invalid": Reason(
        REFUSED, _("The mapping file cannot be used: {why}."), _("Correct it; the guide tells how.")
    ),
    "mapping-needed": Reason(
        REFUSED,
        _("No column is called “file”, “title” or “text”, and no mapping was given."),
        _("Give a mapping with --map FILE; “wpa” is shipped."),
    ),
    "table-broken": Reason(REFUSED, _("The table cannot be read: {why}."), _("Save it again as CSV in UTF-8.")),
    "json-broken": Reason(REFUSED, _("The JSON cannot be used: {why}."), _("Export it again, or correct the file.")),
    "row-broken": Reason(
        REFUSED,
        _("The row has {found} fields; the heading has {expected}."),
        _("Check the quotes and commas of this row."),
    ),
    "column-missing": Reason(
        REFUSED, _("The mapping names the column “{column}”, which the table has not."), _("Correct the mapping.")
    ),
    "text-missing": Reason(
        REFUSED, _("The row names the text “{name}”, which is not there."), _("Supply it, or correct the row.")
    ),
    "text-shared": Reason(
        DEFECT,
        _("The text “{name}” is claimed by {count} rows ({rows})."),
        _("Find out whose words they are; each record holds them until then, and none is published."),
    ),
    "text-without-row": Reason(
        DEFECT, _("No row names the text “{name}”; it was not imported."), _("Add a row for it.")
    ),
    "row-without-key": Reason(REFUSED, _("The row has no key in the column “{column}”."), _("Give it one.")),
    "row-key-doubled": Reason(
        DEFECT,
        _("The key “{key}” was used by row {row} already; this row is known as “{used}”."),
        _("Give each row a key of its own."),
    ),
    # --- vocabularies
    "vocabulary-broken": Reason(
        REFUSED, _("The vocabulary cannot be read: {why}."), _("Correct it and check the format.")
    ),
    "no-concepts": Reason(REFUSED, _("The file holds no SKOS concept."), _("Check that it is the right file.")),
    "broader-cycle": Reason(REFUSED, _("The concept is broader than itself: {path}."), _("Remove one of these links.")),
    "two-preferred-labels": Reason(
        REFUSED,
        _("The concept has {count} preferred labels in “{language}”: {labels}."),
        _("Keep one as preferred and make the others alternative labels."),
    ),
    "label-missing": Reason(REFUSED, _("The concept has no preferred label."), _("Give it one.")),
    "link-to-nowhere": Reason(
        DEFECT, _("The concept is linked to {count} concepts that the file does not hold."), _("Import those too.")
    ),
    # --- lists of names
    "no-names": Reason(
        REFUSED, _("The file lists no person, place or organisation."), _("Check that it is the right file.")
    ),
    "name-missing": Reason(REFUSED, _("The entry has no name."), _("Give it one.")),
    "entry-nameless": Reason(
        REFUSED, _("The entry has neither a key nor an identifier."), _("Give it an xml:id or an idno.")
    ),
    "coordinates-broken": Reason(
        DEFECT,
        _("“{found}” is no latitude and longitude: the place keeps those it has."),
        _("Write degrees north and degrees east, for example “49.84 24.03”."),
    ),
    "community-needed": Reason(
        REFUSED,
        _("Whom the entry means is known only within a community, and none was named."),
        _("Name it with --community."),
    ),
    # --- the archive
    "conflict": Reason(
        DEFECT,
        _("The source has changed and a person has corrected the record since: the change waits as a proposal."),
        _("Compare both in the admin and take or leave the proposal."),
    ),
    "identity-doubled": Reason(
        REFUSED,
        _("This import already brought a work with the identifier “{key}” (from {other})."),
        _("Give each work an identifier of its own."),
    ),
    "rights-unknown": Reason(
        NOTE,
        _("The rights are not known; the record stays unpublished."),
        _("Name the licence in the file, or give --rights FILE."),
    ),
    "rights-invalid": Reason(
        REFUSED, _("The rights file cannot be used: {why}."), _("Correct it; the guide shows one.")
    ),
    "not-taken": Reason(
        NOTE, _("No importer reads files of this kind; it was left alone."), _("Name its format if it holds a text.")
    ),
    "no-operator": Reason(
        REFUSED,
        _("--publish records who takes responsibility, and there is no operator yet."),
        _("Run manage.py create_admin, or name a user with --by."),
    ),
    "rights-no-publish": Reason(
        NOTE,
        _("The rights rest on “{basis}”: --publish acts only on published editions and the public domain."),
        _("Let a person review and publish the record in the admin."),
    ),
    "not-publishable": Reason(
        NOTE, _("The gate did not publish the record: {why}."), _("Complete it in the admin and publish it there.")
    ),
    "no-such-work": Reason(
        REFUSED,
        _("The file belongs to the work {key}, which this collection does not hold."),
        _("Import it into the collection of that work."),
    ),
    "withdrawn": Reason(
        REFUSED, _("The record was withdrawn; nothing was changed."), _("Ask the consent steward of the community.")
    ),
    "storage-failed": Reason(
        REFUSED, _("The file could not be stored: {why}."), _("Free some space and import again; nothing is doubled.")
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: the file, the place in it (line and column, cue or row), a code and the values of its sentence."""

    code: str
    file: str
    place: str = ""
    values: tuple[tuple[str, str], ...] = ()

    @property
    def severity(self) -> str:
        """``refused``, ``defect`` or ``note``."""
        return REASONS[self.code].severity

    @property
    def reason(self) -> str:
        """What is wrong, in the language in force."""
        return gettext(REASONS[self.code].text).format_map(dict(self.values))

    @property
    def remedy(self) -> str:
        """What to do about it, in the language in force."""
        return gettext(REASONS[self.code].remedy).format_map(dict(self.values))

    def as_dict(self) -> dict[str, Any]:
        """Return the finding for the JSON report and for the import's row in the database."""
        return {
            "code": self.code,
            "severity": self.severity,
            "file": shown(self.file),
            "place": shown(self.place),
            "reason": self.reason,
            "remedy": self.remedy,
            "values": dict(self.values),
        }


def problem(code: str, file: str = "", place: str = "", **values: object) -> Problem:
    """Make a `Problem`; the values are made harmless to show.

    :raises KeyError: when the code is not in `REASONS`.
    """
    REASONS[code]
    return Problem(code, file, place, tuple((name, shown(str(value))) for name, value in values.items()))


def problem_from_dict(stored: dict[str, Any]) -> Problem:
    """Read back what `Problem.as_dict` stored."""
    values = tuple((str(name), str(value)) for name, value in stored.get("values", {}).items())
    return Problem(str(stored["code"]), str(stored.get("file", "")), str(stored.get("place", "")), values)


class RefusedError(Exception):
    """A file, or one row of it, is not taken; ``problem`` says why."""

    def __init__(self, found: Problem) -> None:
        super().__init__(found.code)
        self.problem = found
