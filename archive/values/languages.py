"""Language tags: what a source declares, as one normalised BCP 47 tag."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import langcodes
from langcodes.tag_parser import LanguageTagError

#: Codes met in editions and vocabularies that are not BCP 47: a country's code for its language,
#: retired ISO 639-1 codes, and ISO 639-2 bibliographic codes (langcodes maps most of the last itself).
MISUSED = {"cz": "cs", "iw": "he", "ji": "yi", "sh": "sr-Latn", "ua": "uk", "jp": "ja", "gr": "el"}

#: Scripts written from right to left (Unicode CLDR, scriptMetadata.txt).
RTL_SCRIPTS = frozenset({"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Samr", "Mand", "Rohg"})


@dataclass(frozen=True)
class LanguageTag:
    """A normalised tag and whether normalising had to change what the source declared."""

    tag: str
    declared: str
    changed: bool
    valid: bool


@lru_cache(maxsize=4096)
def normalise_tag(declared: str) -> LanguageTag:
    """Normalise a declared language to BCP 47; what is no language becomes ``und`` with ``valid`` False."""
    text = (declared or "").strip().replace("_", "-")
    if not text:
        return LanguageTag("und", declared, False, False)
    primary, _, rest = text.partition("-")
    replaced = MISUSED.get(primary.lower())
    if replaced:
        text = f"{replaced}-{rest}" if rest and "-" not in replaced else replaced
    try:
        tag = langcodes.standardize_tag(text)
        valid = langcodes.Language.get(tag).is_valid()
    except LanguageTagError:
        return LanguageTag("und", declared, True, False)
    if not valid:
        return LanguageTag("und", declared, True, False)
    return LanguageTag(tag, declared, tag.lower() != declared.strip().lower(), True)


@lru_cache(maxsize=4096)
def direction(tag: str) -> str:
    """Return ``rtl`` or ``ltr`` for a BCP 47 tag, from its script or its language's likely script."""
    try:
        language = langcodes.Language.get(tag)
        script = language.script or language.maximize().script or ""
    except LanguageTagError:
        return "ltr"
    return "rtl" if script in RTL_SCRIPTS else "ltr"


@lru_cache(maxsize=4096)
def display_name(tag: str, reader: str) -> str:
    """Name of a language for a reader (CLDR), for example ``yi`` for ``fr`` is ``yiddish``."""
    return langcodes.Language.get(tag).display_name(reader)


@lru_cache(maxsize=1024)
def autonym(tag: str) -> str:
    """Name of a language in itself (CLDR)."""
    return langcodes.Language.get(tag).autonym()
