"""After a restore: what was narrowed since the backup is narrowed again, never wider than the backup has it.

The ledger holds no words. Where they would be needed, more is closed than before, and the desk says what somebody has
to finish (:class:`~archive.models.ledger.Unfinished`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import EducatorGrant, Invitation, PlatformRole, User
from archive import audit
from archive.actions.consent import RecordConsentAction
from archive.actions.publish import HideAction, UnpublishAction
from archive.actions.redact import RedactAction
from archive.assessment import consent_in_force
from archive.credits import withhold_credits
from archive.gate import Gate
from archive.memberships import OPERATOR
from archive.models import (
    AccessRequest,
    Community,
    Membership,
    Protocol,
    ReaderLink,
    Record,
    RecordState,
    Redaction,
    RedactionDecision,
    Revision,
    Unfinished,
)
from archive.naming import make_anew
from archive.record_types import concrete, load_gated, record_type
from archive.vault.narrowings import narrower, state_of_consent, state_of_credits, state_of_decision, state_of_record

#: Fields of a consent that the ledger does not know: they stay as the backup has them.
KEPT = (
    "basis",
    "given_by",
    "proxy_relation",
    "form_language",
    "form_sha256",
    "witness",
    "territory",
    "after_death",
    "review_due",
    "contact",
    "withdrawal_terms",
)


#: Policies under which no other name is shown.
_NO_OTHER_NAME = ("full", "withheld")


class UnknownHere(Exception):
    """The line speaks of a record, a community or a person that this database never had."""


def narrow_again(entry: Mapping[str, Any]) -> bool:
    """Do one narrowing again; False when the database has it already.

    :raises UnknownHere: when there is nothing to narrow.
    """
    with transaction.atomic():
        return _ACTS[entry["action"]](entry)


def _record(entry: Mapping[str, Any]) -> Record:
    record = Record.objects.select_related("community").filter(uuid=entry["uuid"]).first()
    if record is None:
        raise UnknownHere
    return record


def _gone(record: Record) -> bool:
    return record.state in (RecordState.WITHDRAWN, RecordState.ERASED)


def _work(record: Record) -> Any:
    return load_gated([record.pk])[0]


def _hide(entry: Mapping[str, Any]) -> bool:
    record = _record(entry)
    if record.hidden or _gone(record):
        return False
    hide_record(record)
    return True


def hide_record(record: Record) -> None:
    """Hide a record of any kind."""
    if record_type(record.kind).gated:
        HideAction(None, _work(record)).execute()
        return
    Record.objects.filter(pk=record.pk).update(hidden=True)
    record.refresh_from_db()
    make_anew(record)
    Gate().close([record])
    audit.note("hide", record, None)


def _unpublish(entry: Mapping[str, Any]) -> bool:
    record = _record(entry)
    if not record.wanted_public or _gone(record):
        return False
    UnpublishAction(None, [record]).execute()
    return True


def _consent(entry: Mapping[str, Any]) -> bool:
    record = _record(entry)
    before = consent_in_force(record)
    if before is None or _gone(record):
        # Without a consent nothing is public.
        return False
    now = state_of_consent(before, before.protocols.values_list("pk", flat=True))
    state = narrower(now, entry["state"])
    protocols = list(Protocol.objects.filter(pk__in=state["protocols"], community=record.community))
    missing = len(protocols) < len(state["protocols"])
    # A protocol made since the backup is not there to be set: nobody may read until somebody has looked.
    if missing and not record.hidden:
        hide_record(record)
    state["protocols"] = sorted(protocol.pk for protocol in protocols)
    if state == now:
        return missing
    if state["identity"] != now["identity"]:
        # What she is credited as in the backup was written for a wider identity; it may be her real name.
        state["identity"] = "withheld"
    facts = {name: getattr(before, name) for name in KEPT}
    facts |= {name: state[name] for name in ("scopes", "identity", "voice_altered", "face_blurred", "protocols_all")}
    facts |= {
        name: datetime.fromisoformat(state[name]) if state[name] else None for name in ("embargo_until", "ends_at")
    }
    # Translators: stands where a consent names the event that ends an embargo, and only the signed form knows it.
    facts["embargo_event"] = before.embargo_event or (_("as the signed form says") if state["embargo_event"] else "")
    RecordConsentAction(None, _work(record), facts, protocols=protocols).execute()
    _to_finish(record, Unfinished.What.CONSENT)
    return True


def _redact(entry: Mapping[str, Any]) -> bool:
    record = _record(entry)
    if _gone(record) or Redaction.objects.filter(uuid=entry["redaction"]).exists():
        return False
    work = _work(record)
    anchor = entry["anchor"]
    if anchor and anchor not in _anchors(work):
        seen = not record.hidden
        if seen:
            hide_record(record)
        _to_finish(record, Unfinished.What.WORK)
        return seen
    # What is shown instead was words: a whole passage is taken away.
    mode = entry["mode"] if entry["mode"] in (Redaction.Mode.MUTE, Redaction.Mode.BLUR) else Redaction.Mode.REMOVE
    row = Redaction(
        uuid=entry["redaction"],
        anchor=anchor,
        start_ms=entry["start_ms"],
        end_ms=entry["end_ms"],
        mode=mode,
        hidden_up_to=entry["hidden_up_to"],
        reason=entry["reason"],
    )
    RedactAction(None, work, [row]).execute()
    _to_finish(record, Unfinished.What.PASSAGE)
    return True


def _decide(entry: Mapping[str, Any]) -> bool:
    """What was hidden with a redaction is hidden again; what was declared free no longer is."""
    record = _record(entry)
    redaction = Redaction.objects.filter(uuid=entry["redaction"], record_id=record.pk).first()
    if redaction is None or _gone(record):
        return False
    about, key = entry["about"], entry["key"]
    rows = RedactionDecision.objects.filter(redaction=redaction, about=about, key=key)
    now = state_of_decision(rows.first())
    state = narrower(now, entry["state"])
    if state == now:
        return False
    rows.delete()
    if state["decision"] == "hidden":
        RedactionDecision.objects.create(redaction=redaction, about=about, key=key, hidden=True)
    audit.note("redaction-decided", record, None, about=about, key=key, decided=state["decision"])
    make_anew(record)
    return True


def _anchors(work: Any) -> set[str]:
    """Passages of the text as it is, and as the public sees it; a passage must be in both to be hidden in both."""
    now = {cue["id"] for track in work.tracks.all() for cue in track.cues}
    reviewed = Revision.objects.filter(record_id=work.pk, number=work.reviewed_revision).first()
    if reviewed is None:
        return now
    return now & {cue["id"] for track in reviewed.snapshot.get("tracks", []) for cue in track["cues"]}


def _restrict(entry: Mapping[str, Any]) -> bool:
    base = _record(entry)
    if _gone(base):
        return False
    record = concrete(base)
    now = state_of_record(record)
    # Only what this kind of record has.
    state = {name: value for name, value in narrower(now, entry["state"]).items() if name in now}
    shown_as = state.pop("shown_as", "") == now.pop("shown_as", "")
    if state == now and (shown_as or state["name_policy"] in _NO_OTHER_NAME):
        return False
    if state.get("name_policy") != now.get("name_policy") or not shown_as:
        # The name to be shown instead may be lost, or be another's choice.
        state["name_policy"] = "withheld"
        _to_finish(record, Unfinished.What.NAME)
    type(record).objects.filter(pk=record.pk).update(**state)
    for name, value in state.items():
        setattr(record, name, value)
    make_anew(record)
    audit.note("restrict", record, None)
    return True


def _credit(entry: Mapping[str, Any]) -> bool:
    """Where the backup credits somebody otherwise than was reviewed since, she is credited by no name."""
    record = _record(entry)
    reviewed = Revision.objects.filter(record_id=record.pk, number=record.reviewed_revision).first()
    if _gone(record) or reviewed is None:
        return False
    told = entry["state"]
    withheld = withhold_credits(_work(record), reviewed, told)
    if withheld:
        record.refresh_from_db()
        make_anew(record)
        _to_finish(record, Unfinished.What.NAME)
    before = consent_in_force(record)
    if before is None or state_of_credits(reviewed.snapshot)["credits"] == told["credits"]:
        return withheld
    now = state_of_consent(before, before.protocols.values_list("pk", flat=True))
    return _consent({**entry, "state": {**now, "identity": "withheld"}}) or withheld


def _leave(entry: Mapping[str, Any]) -> bool:
    community = Community.objects.filter(slug=entry["community"]).first()
    if community is None or not User.objects.filter(pk=entry["user"]).exists():
        raise UnknownHere
    now = timezone.now()
    # Also the last steward's: that another was there to take over stands in no ledger, an operator invites her again.
    rows = Membership.objects.current(now).filter(community=community, user_id=entry["user"], role=entry["role"])
    return bool(rows.update(until=now))


def _revoke(entry: Mapping[str, Any]) -> bool:
    user = User.objects.filter(pk=entry["user"]).first()
    if user is None:
        raise UnknownHere
    now = timezone.now()
    if entry["role"] == OPERATOR:
        return bool(User.objects.filter(pk=user.pk, is_superuser=True).update(is_superuser=False))
    if entry["role"] == "educator":
        return bool(EducatorGrant.objects.current(now).filter(user=user).update(revoked_at=now))
    return bool(PlatformRole.objects.current(now).filter(user=user, role=entry["role"]).update(revoked_at=now))


def _deactivate(entry: Mapping[str, Any]) -> bool:
    if not User.objects.filter(pk=entry["user"]).exists():
        raise UnknownHere
    return bool(User.objects.filter(pk=entry["user"], is_active=True).update(is_active=False))


def _uninvite(entry: Mapping[str, Any]) -> bool:
    rows = Invitation.objects.filter(token_hash=entry["invitation"])
    if not rows.exists():
        raise UnknownHere
    return bool(rows.filter(accepted_at=None, revoked_at=None).update(revoked_at=timezone.now()))


def _end_grants(entry: Mapping[str, Any]) -> bool:
    # All there are: a backup is older than the line, and whoever asked since stands in no backup of that time.
    return bool(AccessRequest.end_all(_record(entry).public_id, timezone.now()))


def _end_link(entry: Mapping[str, Any]) -> bool:
    rows = ReaderLink.objects.filter(token_hash=entry["link"])
    if not rows.exists():
        raise UnknownHere
    return bool(rows.filter(ended_at=None).update(ended_at=timezone.now()))


def _to_finish(record: Record, what: str) -> None:
    Unfinished.objects.get_or_create(record_id=record.pk, what=what, finished_at=None)


_ACTS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "hide": _hide,
    "unpublish": _unpublish,
    "consent": _consent,
    "redact": _redact,
    "decide": _decide,
    "restrict": _restrict,
    "leave": _leave,
    "revoke": _revoke,
    "credit": _credit,
    "deactivate": _deactivate,
    "uninvite": _uninvite,
    "end-grants": _end_grants,
    "end-link": _end_link,
}
