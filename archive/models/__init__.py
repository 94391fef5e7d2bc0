"""The record side and the public side, one concept a file."""

from archive.models.authorities import (
    Authority,
    Concept,
    ConceptScheme,
    Event,
    ExternalId,
    Organisation,
    Person,
    Place,
    Source,
    TermUsage,
)
from archive.models.community import Community, Membership, Openness, Protocol, Role
from archive.models.consent import ConsentEvent, ConsentRecord, WithdrawalCase
from archive.models.custody import AuditEvent, CustodyEvent
from archive.models.imports import ImportBatch, ImportItem, Proposal
from archive.models.ledger import LedgerLine, OwedLine, Unfinished
from archive.models.media import Derivative, MediaAsset
from archive.models.publication import (
    LADDER,
    AccessRequest,
    Audience,
    Moved,
    Publication,
    PublicationLink,
    PublicClock,
    PublishedFile,
    ReaderReport,
    Tombstone,
)
from archive.models.reader_link import PinnedWork, ReaderLink
from archive.models.record import Record, RecordKind, RecordState
from archive.models.revision import Revision
from archive.models.terms import Answer, Scope, Sensitivity
from archive.models.texts import IndexSegment, Redaction, RedactionDecision, TextTrack, TranscriptDraft
from archive.models.use import Use
from archive.models.works import (
    Clip,
    Collection,
    Contribution,
    Document,
    EntityLink,
    Review,
    Testimony,
    Work,
)

# Wagtail pages last: they read publications.
from archive.pages.models import AboutPage, EssayPage, HelpPage, HomePage  # isort: skip

__all__ = [
    "LADDER",
    "AboutPage",
    "AccessRequest",
    "Answer",
    "Audience",
    "AuditEvent",
    "Authority",
    "Clip",
    "Collection",
    "Community",
    "Concept",
    "ConceptScheme",
    "ConsentEvent",
    "ConsentRecord",
    "Contribution",
    "CustodyEvent",
    "Derivative",
    "Document",
    "EntityLink",
    "EssayPage",
    "Event",
    "ExternalId",
    "HelpPage",
    "HomePage",
    "ImportBatch",
    "ImportItem",
    "IndexSegment",
    "LedgerLine",
    "MediaAsset",
    "Membership",
    "Moved",
    "Openness",
    "Organisation",
    "OwedLine",
    "Person",
    "PinnedWork",
    "Place",
    "Proposal",
    "Protocol",
    "PublicClock",
    "Publication",
    "PublicationLink",
    "PublishedFile",
    "ReaderLink",
    "ReaderReport",
    "Record",
    "RecordKind",
    "RecordState",
    "Redaction",
    "RedactionDecision",
    "Review",
    "Revision",
    "Role",
    "Scope",
    "Sensitivity",
    "Source",
    "TermUsage",
    "Testimony",
    "TextTrack",
    "Tombstone",
    "TranscriptDraft",
    "Unfinished",
    "Use",
    "WithdrawalCase",
    "Work",
]
