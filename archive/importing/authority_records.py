"""From the names a work marks to authority records: found by their identifiers, made where nobody has them yet.

A name with an identifier of a public scheme is attested by it: places, organisations and concepts then belong to the
platform. Persons always belong to the community, and so does whatever only an edition's own key names
(architecture.md, *Ownership*). A name without any identifier gets no record: nothing says who is meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archive.importing.authorities import normal_uri
from archive.importing.authority_revisions import insert_with_revisions
from archive.importing.parsed import ParsedEntity
from archive.models import Collection, Concept, ConceptScheme, ExternalId, Person, Place, Record, RecordState
from archive.record_types import authority_types, record_type
from archive.values.language_map import from_texts, language_map

if TYPE_CHECKING:
    from accounts.models import User

_EHRI_VOCABULARY = re.compile(r"^https://portal\.ehri-project\.eu/keywords/([a-z0-9_-]+?)-[^-]+$")


#: How our own exports name a record that no public scheme knows.
OWN_KEY = re.compile(r"^cairn-(?P<public_id>[0-9a-hjkmnp-tv-z]{10})$")


def _name_of(entity: ParsedEntity, key: str) -> dict[str, Any]:
    """A first name for a record that no vocabulary has named yet: the form in each language of the work.

    Words in a text are inflected (“Varšavy”), so no form counts as the original: a reader sees the form of
    her own language, else the English one, until a vocabulary or an editor gives the right name.
    """
    named = from_texts(dict(entity.forms), "")
    return named if named["values"] else language_map(entity.name or key, entity.language)


@dataclass(frozen=True)
class AuthorityRef:
    """An authority record as links need it."""

    pk: int
    public_id: str
    kind: str


def _ref(record: Record) -> AuthorityRef:
    # A duplicate that was merged away stands for the record it was merged into.
    while record.merged_into is not None:
        record = record.merged_into
    return AuthorityRef(record.pk, record.public_id, record.kind)


#: How an entity is looked up: kind of record only where a local key names it.
_Identity = tuple[str, str, str]


class AuthorityIndex:
    """Finds and makes the authority records of one import; remembers what it has seen.

    Call `begin` before each work's transaction and `forget_since_begin` when that transaction is rolled back.
    """

    def __init__(self, collection: Collection, *, names_public: bool = False, user: User | None = None) -> None:
        self.user = user
        self.collection = collection
        self.community = collection.community
        self.owner = collection.community.slug if collection.community else ""
        #: Whether persons are named in public: what an edition or the public domain names is named already.
        self.names_public = names_public
        #: Public ids of the records this import made, for `undo_import`.
        self.made: list[str] = []
        self._known: dict[_Identity, AuthorityRef] = {}
        self._keys: dict[str, int] = {}
        self._fresh: list[_Identity] = []
        self._fresh_made = 0
        self._schemes: dict[str, ConceptScheme] = {}

    def begin(self) -> None:
        """Mark the beginning of a transaction."""
        self._fresh.clear()
        self._fresh_made = len(self.made)

    def forget_since_begin(self) -> None:
        """Forget what was found or made since `begin`: the transaction is gone."""
        for identity in self._fresh:
            self._known.pop(identity, None)
        del self.made[self._fresh_made :]
        self._schemes.clear()
        self.begin()

    def resolve(self, entities: Sequence[ParsedEntity]) -> list[tuple[ParsedEntity, AuthorityRef]]:
        """Return each entity that has an identifier with its record; records nobody has yet are made."""
        wanted = {self._identity(one): one for one in entities if one.uri or one.key}
        missing = [identity for identity in wanted if identity not in self._known]
        self._find(missing)
        self._make([(identity, wanted[identity]) for identity in missing if identity not in self._known])
        return [(one, self._known[self._identity(one)]) for one in entities if one.uri or one.key]

    def key_of(self, public_id: str) -> int:
        """Return the primary key of a record that `resolve` has given out."""
        return self._keys[public_id]

    def _identity(self, entity: ParsedEntity) -> _Identity:
        if entity.uri:
            return ("uri", self.owner if entity.kind == "person" else "", entity.uri)
        return ("key", entity.kind, entity.key)

    def _find(self, identities: Sequence[_Identity]) -> None:
        uris = [uri for how, _owner, uri in identities if how == "uri"]
        for start in range(0, len(uris), 500):
            for external in ExternalId.objects.filter(uri__in=uris[start : start + 500]).select_related("record"):
                if external.owner in ("", self.owner):
                    self._remember(("uri", external.owner, external.uri), _ref(external.record))
        own = {
            match["public_id"]: key for how, _kind, key in identities if how == "key" and (match := OWN_KEY.match(key))
        }
        found = Record.objects.filter(public_id__in=list(own), kind__in=authority_types())
        for record in found.exclude(state=RecordState.ERASED) if own else ():
            if record.community_id in (None, self.community.pk if self.community else None):
                for kind in authority_types():
                    self._remember(("key", kind, own[record.public_id]), _ref(record))
        keys = [key for how, _kind, key in identities if how == "key"]
        for start in range(0, len(keys), 500):
            for record in Record.objects.filter(
                community=self.community, identity__in=keys[start : start + 500], kind__in=authority_types()
            ):
                self._remember(("key", record.kind, record.identity), _ref(record))

    def _remember(self, identity: _Identity, ref: AuthorityRef) -> None:
        if identity not in self._known:
            self._known[identity] = ref
            self._keys[ref.public_id] = ref.pk
            self._fresh.append(identity)

    def _make(self, missing: Sequence[tuple[_Identity, ParsedEntity]]) -> None:
        made = [(identity, self._record(identity, entity)) for identity, entity in missing]
        insert_with_revisions(
            [(record, [key[:500]] if how == "uri" else []) for (how, _owner, key), record in made], self.user
        )
        for identity, record in made:
            self._remember(identity, _ref(record))
            self.made.append(record.public_id)

    def _record(self, identity: _Identity, entity: ParsedEntity) -> Any:
        how, owner, key = identity
        platform = how == "uri" and not owner
        facts: dict[str, Any] = {
            "name": _name_of(entity, key),
            "community": None if platform else self.community,
            "identity": "" if how == "uri" else key[:255],
        }
        if entity.kind == "person":
            policy = Person.NamePolicy.FULL if self.names_public else Person.NamePolicy.WITHHELD
            return Person(name_policy=policy, **facts)
        if entity.kind == "concept":
            return Concept(scheme=self._scheme(entity.uri), **facts)
        if entity.kind == "place":
            kind = next((one for one in entity.types if one in ("camp", "ghetto")), "")
            return Place(place_type=kind, **facts)
        return record_type(entity.kind).model_class(**facts)

    def _scheme(self, uri: str) -> ConceptScheme:
        found = _EHRI_VOCABULARY.match(uri)
        if found:
            slug = found[1].replace("_", "-")[:60]
        else:
            scheme, _uri = normal_uri(uri) if uri else ("", "")
            slug = scheme if scheme not in ("", "uri") else f"edition-{self.collection.slug}"[:60]
        if slug not in self._schemes:
            self._schemes[slug] = ConceptScheme.objects.get_or_create(
                slug=slug, defaults={"title": language_map(slug, "und")}
            )[0]
        return self._schemes[slug]
