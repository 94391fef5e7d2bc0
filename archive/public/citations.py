"""Citations of a published work: Chicago, APA, BibTeX, RIS and CSL JSON, dated and with the revision.

The forms follow the Chicago Manual of Style (17th ed., 14.221–14.231, manuscript collections), the APA
Publication Manual (7th ed., 10.15), the RIS field list of Reference Manager and the CSL JSON schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from archive.public.addresses import permanent_url
from archive.public.kinds import public_kind
from archive.values.language_map import choose
from archive.values.uncertain_date import parse_date

#: What the archive is called in citations.
ARCHIVE = "Cairn"
#: Chicago and APA are English forms: their dates are in English on every page.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True)
class CitedWork:
    """The facts a citation is made of. ``day`` is when the text was read; ``moment`` a passage's address."""

    public_id: str
    title: str
    names: tuple[str, ...]
    year: str
    edtf: str
    held_by: str
    edition: str
    language: str
    revision: int
    url: str
    day: date
    fiction: bool
    #: How reference managers call its kind: RIS's ``TY`` and CSL's ``type``.
    ris_type: str
    csl_type: str

    @property
    def label(self) -> str:
        """“[example content]” for fiction, so that no invented word is ever cited as a survivor's."""
        return " [example content, fiction]" if self.fiction else ""


def cited(payload: Mapping[str, Any], reader: str, day: date) -> CitedWork:
    """Read the facts of a citation from a publication's payload. :raises ValueError: for a kind that is not cited."""
    edtf = (payload.get("date") or {}).get("edtf", "")
    try:
        year = parse_date(edtf).years[0]
    except ValueError:
        year = None
    provenance = payload.get("provenance", {})
    names = []
    for contributor in payload.get("contributors", []):
        if contributor["role"] in ("narrator", "author") and contributor["name"]:
            name = contributor["name"]
            names.append(name if isinstance(name, str) else choose(name, (reader,)).text)
    cited_as = public_kind(payload["kind"]).cited_as
    if cited_as is None:
        raise ValueError(f"Nothing of the kind {payload['kind']} is cited.")
    held = ", ".join(part for part in (provenance.get("institution"), provenance.get("collection")) if part)
    return CitedWork(
        public_id=payload["id"],
        title=choose(payload["title"], (reader,)).text,
        names=tuple(names),
        year=str(year) if year else "n.d.",
        edtf=edtf,
        held_by=held,
        edition=provenance.get("edition", ""),
        language=payload.get("original_language", ""),
        revision=payload.get("revision", {}).get("number", 0),
        url=permanent_url(payload["id"]),
        day=day,
        fiction=bool(payload.get("fiction")),
        ris_type=cited_as[0],
        csl_type=cited_as[1],
    )


def _in_words(day: date) -> str:
    """A day as both manuals write it, whatever the language of the page: November 27, 2026."""
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def _date_of(edtf: str) -> str:
    """A month or a day in words; what is less certain stays EDTF, which says exactly how uncertain it is."""
    match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])(?:-(\d{2}))?", edtf)
    if match is None:
        return edtf
    year, month, day = match.groups()
    name = _MONTHS[int(month) - 1]
    return f"{name} {int(day)}, {year}" if day else f"{name} {year}"


def chicago(work: CitedWork) -> str:
    parts = [", ".join(work.names), f"“{work.title}”{work.label}", _date_of(work.edtf), work.held_by, work.edition]
    said = ". ".join(part.rstrip(".") for part in parts if part)
    return f"{said}. {ARCHIVE}, revision {work.revision}. Accessed {_in_words(work.day)}. {work.url}."


def apa(work: CitedWork) -> str:
    who = ", ".join(work.names)
    head = f"{who} ({work.year}). {work.title}" if who else f"{work.title} ({work.year})"
    held = f" {work.held_by}." if work.held_by else ""
    source = f"{ARCHIVE}. Retrieved {_in_words(work.day)}, from {work.url}"
    return f"{head}{work.label} (Revision {work.revision}).{held} {source}"


def bibtex(work: CitedWork) -> str:
    fields = {
        "author": " and ".join(f"{{{name}}}" for name in work.names),
        "title": f"{{{work.title}{work.label}}}",
        "year": work.year if work.year != "n.d." else "",
        "howpublished": work.held_by,
        "note": f"{ARCHIVE}, revision {work.revision}. Accessed {work.day.isoformat()}",
        "language": work.language,
        "url": work.url,
    }
    lines = [f"  {name} = {{{_tex(value, name)}}}" for name, value in fields.items() if value]
    return f"@misc{{cairn-{work.public_id},\n" + ",\n".join(lines) + "\n}"


def _tex(value: str, name: str) -> str:
    if name == "url":
        return value
    value = value.replace("\\", r"\textbackslash ")
    return re.sub(r"([%&#$_~^])", r"\\\1", value)


def ris(work: CitedWork) -> str:
    lines = [f"TY  - {work.ris_type}"]
    lines += [f"AU  - {_line(name)}" for name in work.names]
    lines += [f"TI  - {_line(work.title + work.label)}"]
    if work.year != "n.d.":
        lines.append(f"PY  - {work.year}")
    if work.held_by:
        lines.append(f"AV  - {_line(work.held_by)}")
    lines += [
        f"DB  - {ARCHIVE}",
        f"ET  - revision {work.revision}",
        f"LA  - {work.language}",
        f"Y2  - {work.day.strftime('%Y/%m/%d')}",
        f"UR  - {work.url}",
        "ER  - ",
    ]
    return "\r\n".join(lines) + "\r\n"


def _line(value: str) -> str:
    return " ".join(value.split())


def csl(work: CitedWork) -> str:
    item: dict[str, Any] = {
        "id": f"cairn-{work.public_id}",
        "type": work.csl_type,
        "title": work.title + work.label,
        "author": [{"literal": name} for name in work.names],
        "archive": work.held_by or None,
        "publisher": ARCHIVE,
        "version": f"revision {work.revision}",
        "language": work.language,
        "URL": work.url,
        "accessed": {"date-parts": [[work.day.year, work.day.month, work.day.day]]},
    }
    if work.year != "n.d.":
        item["issued"] = {"date-parts": [[int(work.year)]]}
    return json.dumps([{k: v for k, v in item.items() if v not in (None, [])}], ensure_ascii=False, indent=2)


#: id → (label, function, media type, file ending); the order is the order on the page.
FORMS = {
    "chicago": ("Chicago", chicago, "text/plain; charset=utf-8", "txt"),
    "apa": ("APA", apa, "text/plain; charset=utf-8", "txt"),
    "bibtex": ("BibTeX", bibtex, "application/x-bibtex; charset=utf-8", "bib"),
    "ris": ("RIS", ris, "application/x-research-info-systems; charset=utf-8", "ris"),
    "csl": ("CSL JSON", csl, "application/vnd.citationstyles.csl+json; charset=utf-8", "json"),
}


def panel(work: CitedWork, address: Any) -> list[dict[str, str]]:
    """The citation panel of a page; ``address(form)`` is where a form can be downloaded."""
    return [
        {"id": form, "label": label, "text": function(work), "url": address(form)}
        for form, (label, function, _type, _end) in FORMS.items()
    ]


def at_moment(work: CitedWork) -> str:
    """The citation of one passage, with places for the moment and its address that the browser fills in."""
    who = ", ".join(work.names)
    head = f"{who}. " if who else ""
    # Translators: {moment} is a time such as 00:12:30 or a paragraph; keep both names in braces.
    rest = _("at {moment}. Cairn, revision %(revision)s, accessed %(day)s. {url}") % {
        "revision": work.revision,
        "day": work.day.isoformat(),
    }
    return f"{head}“{work.title}”{work.label}, {rest}"
