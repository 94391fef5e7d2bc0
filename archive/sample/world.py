"""The authorities of the sample content as records: communities, collections, places, people and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archive.models import (
    Collection,
    Community,
    Concept,
    ConceptScheme,
    Event,
    Organisation,
    Person,
    Place,
)
from archive.sample.reading import public_id_of
from archive.values.language_map import from_texts

#: What the gate and exports see of a record's origin.
IDENTITY = "sample:"


class World:
    """Makes the records of ``world.toml`` that are missing, and finds them again by ``table.key``."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self.records: dict[str, Any] = {}
        self.communities: dict[str, Community] = {}

    def make(self) -> None:
        """Make what is missing; runs in the caller's transaction."""
        for slug, facts in self.facts["communities"].items():
            self.communities[slug], _made = Community.objects.get_or_create(
                slug=slug,
                defaults={"name": _map(facts, "name"), "description": _map(facts, "description"), "fiction": True},
            )
        for key, facts in self.facts["collections"].items():
            self._collection(key, facts)
        for key, facts in self.facts["places"].items():
            self._place(key, facts)
        for key, facts in self.facts["people"].items():
            self._person(key, facts)
        for key, facts in self.facts["organisations"].items():
            self._one("organisations", key, Organisation, facts, organisation_type=facts["type"])
        for key, facts in self.facts["events"].items():
            self._event(key, facts)
        self._concepts()

    def _one(self, table: str, key: str, model: type[Any], facts: Mapping[str, Any], **more: Any) -> tuple[Any, bool]:
        name = f"{table}.{key}"
        fields = {
            "name": _map(facts, "name"),
            "note": _map(facts, "note"),
            "other_names": facts.get("other_names", []),
            "date_from": facts.get("from", ""),
            "date_to": facts.get("to", ""),
            "sealed": facts.get("sealed", []),
            **more,
        }
        return self._get_or_make(name, model, fields)

    def _get_or_make(self, name: str, model: type[Any], fields: dict[str, Any]) -> tuple[Any, bool]:
        public_id = public_id_of(name)
        record = model.objects.filter(public_id=public_id).first()
        made = record is None
        if made:
            record = model.objects.create(public_id=public_id, identity=IDENTITY + name, **fields)
        self.records[name] = record
        return record, made

    def _collection(self, key: str, facts: Mapping[str, Any]) -> None:
        fields = {
            "community": self.communities[facts["community"]],
            "slug": key,
            "title": _map(facts, "title"),
            "abstract": _map(facts, "abstract"),
            "licence_uri": "https://creativecommons.org/licenses/by/4.0/",
        }
        self._get_or_make(f"collections.{key}", Collection, fields)

    def _place(self, key: str, facts: Mapping[str, Any]) -> None:
        latitude, longitude = facts["at"]
        parent = self.records[f"places.{facts['part_of']}"] if "part_of" in facts else None
        self._one(
            "places",
            key,
            Place,
            facts,
            parent=parent,
            place_type=facts["type"],
            latitude=latitude,
            longitude=longitude,
            precision=facts["precision"],
        )

    def _person(self, key: str, facts: Mapping[str, Any]) -> None:
        self._one(
            "people",
            key,
            Person,
            facts,
            community=self.communities[facts.get("community", "velisor")],
            name_policy=facts["policy"],
            public_name=_map(facts, "public_name"),
            living=facts.get("living"),
        )

    def _event(self, key: str, facts: Mapping[str, Any]) -> None:
        findings = [{**one, "finding": _map(one, "finding")} for one in facts.get("findings", [])]
        event, made = self._one(
            "events",
            key,
            Event,
            facts,
            event_type=facts["type"],
            casualty_estimates=facts.get("casualties", []),
            legal_findings=findings,
        )
        if made:
            event.places.set([self.records[f"places.{place}"] for place in facts["places"]])

    def _concepts(self) -> None:
        schemes = {}
        for slug, facts in self.facts["schemes"].items():
            schemes[slug], _made = ConceptScheme.objects.get_or_create(
                slug=slug, defaults={"title": _map(facts, "title"), "licence": facts.get("licence", "")}
            )
        for key, facts in self.facts["concepts"].items():
            self._one(
                "concepts",
                key,
                Concept,
                facts,
                scheme=schemes[facts["scheme"]],
                notation=facts.get("notation", ""),
                labels={"alt": {}, "hidden": {}},
            )

    def record(self, name: str) -> Any:
        """The record called ``table.key``."""
        return self.records[name]


def _map(facts: Mapping[str, Any], field: str) -> dict[str, Any]:
    """A language map from a table of texts; the original is the one named, else the first."""
    texts = facts.get(field)
    if not texts:
        return {}
    original = str(facts.get("original", ""))
    return from_texts(texts, original if original in texts else next(iter(texts)))
