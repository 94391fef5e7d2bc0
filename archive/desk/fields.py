"""Form fields of the desk: another record by name or id, lists as lines of text, identifiers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext as _

from archive.desk.sealing import fields_kept_from, shown_title
from archive.importing.safe_text import shown, without_tricks
from archive.models import Community, ExternalId, Record, RecordState
from archive.models.record import sort_key
from archive.policy import Viewer, visible
from archive.record_types import concrete
from archive.values.addresses import identifier
from archive.values.languages import normalise_tag
from archive.values.uncertain_date import parse_date

_WITH_ID = re.compile(r"(?:^|·\s*)([0-9a-hjkmnp-tv-z]{10})$")
#: Between the parts of a line.
BAR = "|"


def written_record(record: Any, viewer: Viewer) -> str:
    """A record as a field shows it: its name as this viewer may see it, and its id."""
    return f"{shown_title(record, viewer)} · {record.public_id}"


def belongs_elsewhere(named: Record, community: Community | None) -> bool:
    """Whether ``named`` is owned by another community than the one whose work would name it."""
    return named.community_id is not None and named.community_id != (community.pk if community else None)


def no_date(text: str) -> str:
    """What is said beside a field whose text is no EDTF date."""
    return _(
        "“%(text)s” is no date that the archive can read. Write a day of the calendar such as 1944-05-12, or 1944-05, "
        "1944, 1944~ (about 1944) or 1943/1945 (from 1943 to 1945)."
    ) % {"text": shown(text, 40)}


class RecordField(forms.CharField):
    """Another record, written as ``name · id``, as an id, or as a name that only one record has.

    Only what the viewer may read can be found; the form sets ``viewer``. A sealed name finds nothing.
    """

    viewer: Viewer

    def __init__(self, kinds: Sequence[str] | Callable[[], Iterable[str]], **kwargs: Any) -> None:
        #: Asked when the field is used: a form is made before every room has registered its kinds.
        self.kinds = kinds if callable(kinds) else lambda: kinds
        kwargs.setdefault("widget", forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}))
        super().__init__(**kwargs)

    def bind_viewer(self, viewer: Viewer) -> None:
        """Say who fills in the form, and where a script may ask for names."""
        self.viewer = viewer
        self.widget.attrs["data-names"] = f"{reverse('desk:names')}?kinds={','.join(self.kinds())}"

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            found = Record.objects.filter(pk=value).first()
            return written_record(concrete(found), self.viewer) if found else ""
        return written_record(concrete(value), self.viewer) if isinstance(value, Record) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        if not text:
            return None
        records = visible(Record.objects.filter(kind__in=self.kinds(), merged_into=None), self.viewer)
        records = records.exclude(state=RecordState.ERASED)
        if match := _WITH_ID.search(text):
            found = records.filter(public_id=match[1]).first()
            if found is None:
                raise ValidationError(_("There is no such record among those you may read."), code="unknown")
            return concrete(found)
        same = [concrete(r) for r in records.filter(sort_key=sort_key(text))[:6]]
        same = [r for r in same if "name" not in fields_kept_from(self.viewer, r)]
        if len(same) == 1:
            return same[0]
        if not same:
            raise ValidationError(
                _("Nothing is called “%(name)s”. Make the record first, or write its id.") % {"name": text}
            )
        names = ", ".join(written_record(r, self.viewer) for r in same)
        raise ValidationError(_("Several records are called so; write the id too: %(names)s") % {"names": names})

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial) != (data or "")) if initial or data else False


class LinesField(forms.CharField):
    """A list of small facts, one a line, their parts between bars: ``Anahit | hy | birth``.

    :param keys: names of the parts in their order. :param checks: per key what is tested
        (``language``, ``date``, or a mapping of allowed values).
    """

    def __init__(self, keys: Sequence[str], *, checks: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        self.keys, self.checks = tuple(keys), dict(checks or {})
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 3, "dir": "auto"}))
        kwargs.setdefault("required", False)
        super().__init__(strip=True, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join(self._line(item) for item in value)

    def _line(self, item: Mapping[str, Any]) -> str:
        parts = [str(item.get(key) if item.get(key) is not None else "") for key in self.keys]
        while parts and not parts[-1]:
            parts.pop()
        return f" {BAR} ".join(parts)

    def clean(self, value: Any) -> list[dict[str, Any]]:
        text = super().clean(value)
        items, errors = [], []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            parts = [part.strip() for part in line.split(BAR)]
            if len(parts) > len(self.keys):
                errors.append(
                    _("Line %(n)d has more parts than %(keys)s.") % {"n": number, "keys": " | ".join(self.keys)}
                )
                continue
            item = {key: part for key, part in zip(self.keys, parts, strict=False) if part}
            errors += [f"{_('Line')} {number}: {wrong}" for wrong in self._wrong(item)]
            items.append(item)
        if errors:
            raise ValidationError(errors)
        return items

    def _wrong(self, item: dict[str, Any]) -> list[str]:
        found = [] if item.get(self.keys[0]) else [_("The first part is empty.")]
        for key, check in self.checks.items():
            value = item.get(key)
            if value is None:
                continue
            if check == "language":
                tag = normalise_tag(value)
                item[key] = tag.tag
                if not tag.valid:
                    found.append(_("“%(tag)s” is not a language tag.") % {"tag": shown(value, 40)})
            elif check == "date":
                try:
                    parse_date(value)
                except ValueError:
                    found.append(no_date(value))
            elif value not in check:
                found.append(
                    _("“%(value)s” is none of: %(choices)s") % {"value": shown(value, 40), "choices": ", ".join(check)}
                )
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.prepare_value(initial or []) != (data or "").replace("\r\n", "\n"))


class IdentifiersField(forms.CharField):
    """What schemes outside call a record: one address a line, each owned by one record of the same owner."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 2, "dir": "ltr"}))
        super().__init__(required=False, **kwargs)

    def clean(self, value: Any) -> list[str]:
        uris = list(dict.fromkeys(line.strip() for line in super().clean(value).splitlines() if line.strip()))
        wrong = [uri for uri in uris if not identifier(uri) or len(uri) > 500]
        if wrong:
            raise ValidationError(_("“%(uri)s” is no address: begin with https:// or urn:.") % {"uri": wrong[0][:80]})
        return uris


def taken_identifier(uris: Sequence[str], owner: str, record: Record) -> str:
    """The first of these identifiers that another record of the same owner holds, or an empty string."""
    rows = ExternalId.objects.filter(uri__in=list(uris), owner=owner).exclude(record_id=record.pk)
    return rows.values_list("uri", flat=True).first() or ""


def save_identifiers(uris: Sequence[str], owner: str, record: Record) -> None:
    """Let a record have exactly these identifiers."""
    record.external_ids.exclude(uri__in=list(uris)).delete()
    there = set(record.external_ids.values_list("uri", flat=True))
    ExternalId.objects.bulk_create(ExternalId(record=record, uri=uri, owner=owner) for uri in uris if uri not in there)


class CslField(forms.CharField):
    """CSL JSON of one source, as reference managers export it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 12, "dir": "ltr", "spellcheck": "false"}))
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, (dict, list)) else value

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError(_("This is not JSON: %(why)s") % {"why": str(error)[:200]}) from error
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
        if not isinstance(data, dict) or not data.get("title") or not data.get("type"):
            raise ValidationError(_("Give one CSL item with at least “type” and “title”."))
        data["title"] = without_tricks(str(data["title"]))[0]
        return data
