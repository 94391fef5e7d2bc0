"""On what basis a work may be shown: from its licence, else from a file a person gives, else nothing.

A rights file says what is agreed for all works of an import::

    basis = "published-edition"          # or public-domain, informed-consent, court-record, deposit-agreement
    licence_uri = "https://creativecommons.org/licenses/by/4.0/"
    licence_label = "CC BY 4.0"
    given_by = "nobody"                  # narrator, proxy, nobody

    [scopes]                             # yes, no or ask; what is missing means no
    preserve = "yes"
    public-web = "yes"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archive.importing.parsed import ParsedWork
from archive.importing.problems import RefusedError, problem
from archive.importing.reading import read_bytes
from archive.models import Answer, ConsentRecord, Scope
from archive.values.addresses import web_address

#: Bases on which --publish may act: nobody's consent is asked of an edition or of the public domain.
PUBLISHABLE = frozenset({ConsentRecord.Basis.EDITION, ConsentRecord.Basis.PUBLIC_DOMAIN})

_CREATIVE_COMMONS = re.compile(r"^https?://creativecommons\.org/licenses/(?P<terms>[a-z-]+)/", re.IGNORECASE)
_PUBLIC_DOMAIN = re.compile(
    r"^https?://(?:creativecommons\.org/publicdomain/|rightsstatements\.org/vocab/NoC-US/)", re.IGNORECASE
)

#: Uses that a licence text cannot answer for the people a text is about: machines and immersion stay closed.
_NEVER_BY_LICENCE = frozenset({Scope.MACHINE, Scope.IMMERSIVE})


@dataclass(frozen=True)
class Rights:
    """What the consent of a record starts with."""

    basis: str
    scopes: Mapping[str, str]
    licence_uri: str = ""
    licence_label: str = ""
    given_by: str = ConsentRecord.GivenBy.NOBODY
    download: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the rights as JSON, in the form of a rights file."""
        return {**asdict(self), "scopes": dict(self.scopes)}

    @property
    def publishable(self) -> bool:
        """Whether --publish may act on them."""
        return self.basis in PUBLISHABLE


def rights_of(work: ParsedWork, given: Rights | None) -> Rights | None:
    """Return the rights a work's own licence grants, else those a person gave, else None."""
    found = _from_licence(work.licence_uri, work.licence_label)
    return found or given


def _from_licence(uri: str, label: str) -> Rights | None:
    if _PUBLIC_DOMAIN.match(uri):
        return Rights(ConsentRecord.Basis.PUBLIC_DOMAIN, _scopes(), uri, label, download=True)
    found = _CREATIVE_COMMONS.match(uri)
    if not found:
        return None
    terms = found["terms"].lower().split("-")
    if "by" not in terms:
        return None
    # No derivatives: no translation may be made; no commerce: the press is commerce.
    closed = ({Scope.TRANSLATION} if "nd" in terms else set()) | ({Scope.PRESS} if "nc" in terms else set())
    return Rights(ConsentRecord.Basis.EDITION, _scopes(frozenset(closed)), uri, label, download=True)


def _scopes(closed: frozenset[Scope] = frozenset()) -> dict[str, str]:
    return {
        scope.value: Answer.NO.value if scope in closed | _NEVER_BY_LICENCE else Answer.YES.value for scope in Scope
    }


def load_rights(path: Path) -> Rights:
    """Read a rights file.

    :raises RefusedError: when it cannot be read or says something that is no basis, scope or answer.
    """
    content = read_bytes(path, path.name, 100_000)
    try:
        data = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RefusedError(problem("rights-invalid", path.name, why=str(error))) from error
    return rights_from(data, path.name)


def rights_from(data: Mapping[str, Any], name: str) -> Rights:
    """Return the rights that a parsed rights file, or a form, states.

    :raises RefusedError: as `load_rights`.
    """
    basis = str(data.get("basis", ""))
    scopes = data.get("scopes", {})
    given_by = str(data.get("given_by", ConsentRecord.GivenBy.NOBODY))
    wrong = ""
    if basis not in ConsentRecord.Basis.values:
        wrong = f"basis must be one of {', '.join(ConsentRecord.Basis.values)}"
    elif given_by not in ConsentRecord.GivenBy.values:
        wrong = f"given_by must be one of {', '.join(ConsentRecord.GivenBy.values)}"
    elif not isinstance(scopes, dict) or not scopes:
        wrong = "the table [scopes] is missing"
    elif unknown := sorted(set(scopes) - set(Scope.values)):
        wrong = f"there is no scope {unknown[0]}; choose from {', '.join(Scope.values)}"
    elif data.get("licence_uri") and not web_address(str(data["licence_uri"])):
        wrong = "licence_uri must begin with https:// or http://"
    elif any(answer not in Answer.values for answer in scopes.values()):
        wrong = "scopes are answered by yes, no or ask"
    if wrong:
        raise RefusedError(problem("rights-invalid", name, why=wrong))
    return Rights(
        basis=basis,
        scopes={str(scope): str(answer) for scope, answer in scopes.items()},
        licence_uri=str(data.get("licence_uri", "")),
        licence_label=str(data.get("licence_label", "")),
        given_by=given_by,
        download=bool(data.get("download", False)),
    )
