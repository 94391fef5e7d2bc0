"""What narrows what readers see, as lines of the ledger: which thing a line is about, and what counts in the end.

A line holds ids, codes and dates, never words. Its whole meaning is the state of one *thing* after the act: a record is
hidden or not, a consent answers so, a redaction stands or is gone. The last line on a thing counts. One that ``opens``
(takes a narrowing back) counts only when a line ``done`` says that its transaction was committed; until then it can
only narrow. Nothing here ever makes anything wider than a backup has it: :func:`narrower` takes the closer of two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.crypto import salted_hmac

from archive.models.terms import OWN_WORDS, Scope
from archive.vault.inventory import canonical_json

#: Acts that close, with the act that takes each back and what names the thing.
CLOSING: Mapping[str, str] = {
    "hide": "unhide",
    "unpublish": "publish",
    "redact": "unredact",
    "leave": "join",
    "revoke": "grant",
    "deactivate": "activate",
}
OPENING: Mapping[str, str] = {opens: closes for closes, opens in CLOSING.items()}
#: Acts whose line holds a whole state, which may be narrower in one respect and wider in another.
STATES = frozenset({"consent", "restrict", "decide", "credit"})
#: Acts that close and are never taken back.
FINAL = frozenset({"uninvite", "end-grants", "end-link"})
ACTIONS = frozenset({*CLOSING, *OPENING, *STATES, *FINAL})

#: From closed to open.
_ANSWERS = ("no", "ask", "yes")
_IDENTITIES = ("withheld", "pseudonym", "first-name", "real-name")
_RANKS: Mapping[str, tuple[Any, ...]] = {
    "name_policy": ("withheld", "pseudonym", "initials", "first", "full"),
    "precision": ("country", "100km", "10km", "1km", "exact"),
    "audience": ("", "community", "educators", "registered", "public"),
    "sensitivity_cleared": (False, True),
    "decision": ("hidden", "open", "free"),
}


def thing_of(entry: Mapping[str, Any]) -> str:
    """What a line is about; "" for a withdrawal, an erasure and lines about the ledger itself."""
    action = entry["action"]
    act = OPENING.get(action, action)
    if act not in ACTIONS:
        return ""
    if act == "redact":
        return f"redact:{entry['redaction']}"
    if act == "decide":
        return f"decide:{entry['redaction']}:{entry['about']}:{entry['key']}"
    if act == "uninvite":
        return f"uninvite:{entry['invitation']}"
    if act == "end-link":
        return f"end-link:{entry['link']}"
    if act == "deactivate":
        return f"deactivate:{entry['user']}"
    if act in ("leave", "revoke"):
        return f"{act}:{entry.get('community', '')}:{entry['role']}:{entry['user']}"
    return f"{act}:{entry['uuid']}"


def opens(entry: Mapping[str, Any]) -> bool:
    """Whether a line takes something back."""
    return entry["action"] in OPENING or bool(entry.get("opens"))


def standing(entries: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What is narrowed after all these lines, by thing: for each the line that counts, closed ones only."""
    entries = list(entries)
    done = {number for entry in entries if entry["action"] == "done" for number in entry["of"]}
    counts: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if not (thing := thing_of(entry)):
            continue
        committed = not opens(entry) or entry.get("n") in done
        before = counts.get(thing)
        if entry["action"] in CLOSING or entry["action"] in FINAL:
            counts[thing] = entry
        elif entry["action"] in STATES:
            state = entry["state"] if committed or before is None else narrower(before["state"], entry["state"])
            counts[thing] = {**entry, "state": state}
        elif committed:
            counts.pop(thing, None)
    return counts


def narrower(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The closer of two states in every respect that both know; what one alone knows is kept."""
    return {
        name: _closer(name, one[name], other[name]) if name in one and name in other else {**one, **other}[name]
        for name in sorted({*one, *other})
    } | _protocols(one, other)


def _closer(name: str, one: Any, other: Any) -> Any:
    if name == "scopes":
        return {
            scope: min(one.get(scope, "no"), other.get(scope, "no"), key=_ANSWERS.index) for scope in {**one, **other}
        }
    if name == "identity":
        return min(one, other, key=_IDENTITIES.index)
    if name in _RANKS:
        return min(one, other, key=_RANKS[name].index)
    if name in ("voice_altered", "face_blurred", "embargo_event", "protocols_all"):
        return one or other
    if name in ("sealed", "sensitivity"):
        return sorted({*one, *other})
    if name == "helpers":
        return sorted({*one} & {*other})
    if name == "minimum_age":
        return max(one, other)
    if name in CODES:
        # Which of two names says less, no code can tell: then neither is shown.
        return one if one == other else ""
    if name == "embargo_until":
        return max(filter(None, (one, other)), default=None)
    if name == "ends_at":
        return min(filter(None, (one, other)), default=None)
    if name == "protocols":
        return sorted({*one, *other})
    raise ValueError(f"Nobody has said which of two values of “{name}” is the narrower.")


def _protocols(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two different sets of protocols: whoever reads must be admitted by all of them."""
    if "protocols" not in one or "protocols" not in other:
        return {}
    first, second = set(one["protocols"]), set(other["protocols"])
    if first == second:
        every = one["protocols_all"] or other["protocols_all"]
    elif not first or not second:
        every = (one if first else other)["protocols_all"]
    else:
        every = True
    return {"protocols": sorted(first | second), "protocols_all": every}


def state_of_consent(consent: Any, protocols: Iterable[int]) -> dict[str, Any]:
    """What a consent lets readers see, without a word of it."""
    return {
        "scopes": {scope: str(consent.answer(scope)) for scope in Scope.values},
        "identity": str(consent.identity),
        "voice_altered": consent.voice_altered,
        "face_blurred": consent.face_blurred,
        "protocols": sorted(protocols),
        "protocols_all": consent.protocols_all,
        "embargo_until": moment(consent.embargo_until),
        "embargo_event": bool(consent.embargo_event),
        "ends_at": moment(consent.ends_at),
    }


def state_of_decision(decision: Any | None) -> dict[str, Any]:
    """What was decided of one thing beside the text under one redaction; None: nothing."""
    return {"decision": "open" if decision is None else "hidden" if decision.hidden else "free"}


#: Fields of records that say how much of them is shown.
RESTRICTIONS = ("sealed", "name_policy", "precision", "audience", "sensitivity", "sensitivity_cleared", "minimum_age")
#: Respects that the ledger knows as codes of words.
CODES = frozenset({"shown_as", "credits"})


def state_of_record(record: Any) -> dict[str, Any]:
    """How much of a record may be shown: its seals, and what its kind has besides."""
    state = {name: getattr(record, name) for name in RESTRICTIONS if hasattr(record, name)}
    if hasattr(record, "public_name"):
        state["shown_as"] = code_of(record.public_name)
    lists: dict[str, Any] = {name: sorted(state[name] or []) for name in ("sealed", "sensitivity") if name in state}
    return {**state, **lists}


def state_of_credits(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """As whom those are credited whose own words a revision holds, as a code; and a code for each who helped."""
    every = snapshot.get("contributions", [])
    own = [one for one in every if one["role"] in OWN_WORDS]
    helpers = {code for one in every if (code := code_of_helper(one))}
    return {
        "credits": code_of([[one["role"], one["person"], one["credited_as"]] for one in own]),
        "helpers": sorted(helpers),
    }


def code_of_helper(contribution: Mapping[str, Any]) -> str:
    """By what a credit is recognised; "" for one whose own words these are, and for one that names nobody."""
    role, person, credit = (contribution[name] for name in ("role", "person", "credited_as"))
    return code_of([role, person, credit]) if role not in OWN_WORDS and (person or credit) else ""


def code_of(words: Any) -> str:
    """A code by which words are recognised that nobody learns from it who lacks the instance's secret.

    With another secret nothing is recognised: then more is withheld than before.
    """
    return salted_hmac("cairn.ledger.code", canonical_json(words), algorithm="sha256").hexdigest()[:32]


def moment(at: datetime | None) -> str | None:
    """A time as the ledger writes it: sorts as text."""
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else None


def a_line(action: str, record: Any, **facts: Any) -> dict[str, Any]:
    """A line about one record."""
    return {"action": action, "public_id": record.public_id, "uuid": str(record.uuid), **facts}


def of_state(
    action: str, record: Any, before: Mapping[str, Any], after: Mapping[str, Any], **facts: Any
) -> list[dict[str, Any]]:
    """A line when a state has changed; it says whether something was opened."""
    if before == after:
        return []
    return [a_line(action, record, state=dict(after), opens=narrower(before, after) != dict(after), **facts)]
