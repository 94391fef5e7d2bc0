"""A form field for language maps: one line of text a language, all of them in one place, no script needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from archive.importing.safe_text import shown
from archive.values.languages import direction, display_name, normalise_tag

#: Empty lines offered for further languages.
SPARE_LINES = 2


class LanguageMapWidget(forms.Widget):
    """Rows of (language, text, original); rows left empty are ignored."""

    template_name = "archive/desk/widgets/language_map.html"

    def __init__(self, attrs: dict[str, Any] | None = None, *, multiline: bool = False) -> None:
        super().__init__(attrs)
        self.multiline = multiline

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        rows = rows_of(value)
        rows += [{"language": "", "text": "", "origin": "human", "reviewed": True}] * SPARE_LINES
        original = (value or {}).get("original", "") if isinstance(value, Mapping) else ""
        for number, row in enumerate(rows):
            row = rows[number] = dict(row)
            row["number"] = number
            row["direction"] = direction(row["language"]) if row["language"] else "auto"
            row["is_original"] = bool(row["language"]) and row["language"] == original
        context["widget"] |= {"rows": rows, "multiline": self.multiline}
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> dict[str, Any]:
        rows = []
        number = 0
        while f"{name}-{number}-text" in data:
            rows.append(
                {
                    "language": data.get(f"{name}-{number}-language", "").strip(),
                    "text": data.get(f"{name}-{number}-text", "").strip(),
                    "origin": data.get(f"{name}-{number}-origin", "human"),
                    "reviewed": f"{name}-{number}-reviewed" in data or f"{name}-{number}-origin" not in data,
                }
            )
            number += 1
        return {"rows": rows, "original": data.get(f"{name}-original", "")}

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return f"{name}-0-text" not in data


def rows_of(value: Any) -> list[dict[str, Any]]:
    """Lines of a stored map, or of one that was just sent and is shown again with its error."""
    if not value:
        return []
    if "rows" in value:
        return [row for row in value["rows"] if row["language"] or row["text"]]
    return [
        {
            "language": tag,
            "text": entry["text"],
            "origin": entry.get("origin", "human"),
            "reviewed": entry.get("reviewed", True),
        }
        for tag, entry in value.get("values", {}).items()
    ]


class LanguageMapField(forms.Field):
    """Cleans to the JSON form of ``archive/values/language_map.py``."""

    widget = LanguageMapWidget
    default_error_messages = {"required": gettext_lazy("Write it in at least one language.")}

    def __init__(self, *, multiline: bool = False, **kwargs: Any) -> None:
        kwargs.setdefault("widget", LanguageMapWidget(multiline=multiline))
        super().__init__(**kwargs)

    def clean(self, value: Any) -> dict[str, Any]:
        rows = [row for row in (value or {}).get("rows", []) if row["text"] or row["language"]]
        if not any(row["text"] for row in rows):
            if self.required:
                raise ValidationError(self.error_messages["required"], code="required")
            return {"original": "", "values": {}}
        values: dict[str, Any] = {}
        errors = []
        for row in rows:
            if not row["text"]:
                continue
            tag = normalise_tag(row["language"])
            if not tag.valid:
                errors.append(
                    _("“%(tag)s” is not a language tag. Write one such as hy, ar, zh-Hans or yi-Latn.")
                    % {"tag": shown(row["language"], 40) or "—"}
                )
            elif tag.tag in values:
                errors.append(
                    _("%(language)s is there twice. Keep one of the two lines.")
                    % {"language": display_name(tag.tag, "en")}
                )
            else:
                values[tag.tag] = {k: row[k] for k in ("text", "origin", "reviewed")}
        if errors:
            raise ValidationError(errors)
        chosen = normalise_tag((value or {}).get("original", "")).tag
        return {"original": chosen if chosen in values else next(iter(values)), "values": values}

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return (initial or {"original": "", "values": {}}) != self.clean(data)
        except ValidationError:
            return True
