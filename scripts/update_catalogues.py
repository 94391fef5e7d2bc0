"""Bring the message catalogues up to date with the source: ``make catalogues``. Needs GNU gettext.

Three steps for each language: ``makemessages`` over our own code and templates; the messages of Django
and allauth that a visitor can meet and for which they have no translation of their own (Django knows no
Kinyarwanda, and its Armenian has gaps); a report of what is not translated yet. Existing translations are
kept. Entries of others are marked with a comment that names where they come from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import allauth
import django
import polib

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
LANGUAGES = {"ar": "ar", "es": "es", "fr": "fr", "hy": "hy", "ru": "ru", "rw": "rw", "zh_Hans": "zh_Hans"}
#: Sources of others' messages that a visitor can meet, by the beginning of the path in their catalogues.
BORROWED = {
    "Django": (
        Path(django.__file__).parent,
        ["conf/locale", "contrib/auth/locale"],
        (
            "forms/",
            "core/validators.py",
            "contrib/auth/forms.py",
            "contrib/auth/password_validation.py",
            "contrib/auth/validators.py",
            "db/models/fields/__init__.py",
            "db/models/base.py",
            "utils/dates.py",
            "utils/timesince.py",
            "utils/text.py",
            "utils/ipv6.py",
            "views/csrf.py",
        ),
    ),
    # Its pages are ours (templates/account, templates/mfa); what its code says to people is not.
    "allauth": (Path(allauth.__file__).parent, ["locale"], ("account/", "mfa/")),
}
HEADER = (
    "Messages of Cairn.\n"
    "Reviewed by a speaker: no.\n"
    "When a speaker has read the whole catalogue, write here who and when."
)


def borrowed(language: str) -> Iterator[tuple[str, polib.POEntry, bool]]:
    """(whose, entry, translated by them) for every message of others that a visitor can meet."""
    for whose, (root, folders, wanted) in BORROWED.items():
        for folder in folders:
            # The English catalogue lists every message there is.
            source = polib.pofile(str(root / folder / "en" / "LC_MESSAGES" / "django.po"))
            own = root / folder / language / "LC_MESSAGES" / "django.po"
            theirs = {(e.msgid, e.msgctxt): e for e in polib.pofile(str(own))} if own.exists() else {}
            for entry in source:
                if not any(place.startswith(wanted) for place, _line in entry.occurrences) or entry.obsolete:
                    continue
                found = theirs.get((entry.msgid, entry.msgctxt))
                yield whose, entry, bool(found and found.translated())


def extract(locale: str) -> None:
    """Run ``makemessages`` for one language."""
    ignored = [".venv", "node_modules", "var", "tests", "bench", "static", "scripts"]
    command = [sys.executable, str(ROOT / "manage.py"), "makemessages", "-l", locale, "--add-location", "file"]
    command += ["--no-wrap", "--no-obsolete", *(part for folder in ignored for part in ("-i", folder))]
    # Our own interpreter and script; nothing of it comes from outside.
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=os.environ)  # noqa: S603


def main() -> int:
    """Update all catalogues; returns the exit code."""
    if shutil.which("xgettext") is None:
        sys.stderr.write(
            "GNU gettext is missing: install it with “apt-get install gettext”, then run make catalogues.\n"
        )
        return 1
    for locale in LANGUAGES:
        path = ROOT / "locale" / locale / "LC_MESSAGES" / "django.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        before = {(e.msgid, e.msgctxt): e for e in polib.pofile(str(path))} if path.exists() else {}
        header = polib.pofile(str(path)).header if path.exists() else HEADER
        extract(locale)
        catalogue = polib.pofile(str(path), wrapwidth=100)
        here = {(e.msgid, e.msgctxt) for e in catalogue}
        for whose, entry, translated in borrowed(LANGUAGES[locale]):
            key = (entry.msgid, entry.msgctxt)
            if translated or key in here:
                continue
            here.add(key)
            kept = before.get(key)
            catalogue.append(
                polib.POEntry(
                    msgid=entry.msgid,
                    msgid_plural=entry.msgid_plural,
                    msgctxt=entry.msgctxt,
                    msgstr=kept.msgstr if kept else "",
                    msgstr_plural=dict(kept.msgstr_plural) if kept else ({0: "", 1: ""} if entry.msgid_plural else {}),
                    flags=entry.flags,
                    comment=f"A message of {whose}, which has no translation of its own.",
                )
            )
        catalogue.header = header or HEADER
        catalogue.metadata_is_fuzzy = False
        catalogue.metadata |= {
            "Project-Id-Version": "Cairn",
            "Report-Msgid-Bugs-To": "",
            "Last-Translator": "",
            "Language-Team": "",
            "Language": locale,
        }
        if "INTEGER" in catalogue.metadata.get("Plural-Forms", ""):
            # Gettext does not know the language; CLDR gives these two forms for Kinyarwanda's neighbours.
            catalogue.metadata["Plural-Forms"] = "nplurals=2; plural=(n != 1);"
        # A date would change in every run and say nothing.
        catalogue.metadata.pop("POT-Creation-Date", None)
        catalogue.metadata.pop("PO-Revision-Date", None)
        catalogue.save(str(path))
        missing = len(catalogue.untranslated_entries()) + len(catalogue.fuzzy_entries())
        sys.stdout.write(f"{locale}: {len(catalogue)} messages, {missing} not translated\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
