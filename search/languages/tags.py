"""Language tags as they come, reduced to the one subtag by which the analyser chooses its rules."""

from __future__ import annotations

from functools import lru_cache

#: Old, three-letter and macro-language codes met in archives, as the code under which the rules are kept.
#: Sources: IANA language subtag registry (Preferred-Value), ISO 639-3 macrolanguage mappings.
_SAME_AS = {
    "iw": "he",
    "ji": "yi",
    "in": "id",
    "mo": "ro",
    "sh": "sr",
    "bs": "sr",
    "hr": "sr",
    "cnr": "sr",
    "nb": "no",
    "nn": "no",
    "prs": "fa",
    "pes": "fa",
    "cmn": "zh",
    "ara": "ar",
    "arb": "ar",
    "ces": "cs",
    "deu": "de",
    "ell": "el",
    "eng": "en",
    "fra": "fr",
    "heb": "he",
    "hun": "hu",
    "hye": "hy",
    "hyw": "hy",
    "kin": "rw",
    "khm": "km",
    "nld": "nl",
    "pol": "pl",
    "rus": "ru",
    "slk": "sk",
    "spa": "es",
    "srp": "sr",
    "bos": "sr",
    "hrv": "sr",
    "tur": "tr",
    "ukr": "uk",
    "yid": "yi",
    "ydd": "yi",
}


@lru_cache(maxsize=4096)
def primary_language(tag: str) -> str:
    """The subtag whose rules analyse text tagged ``tag``: ``"sr-Cyrl-BA"`` and ``"hr"`` give ``"sr"``.

    Anything that is no language tag gives ``"und"``: text is then split and folded, but not stemmed.
    """
    head = tag.strip().replace("_", "-").split("-", 1)[0].lower()
    if not (2 <= len(head) <= 3 and head.isascii() and head.isalpha()):
        return "und"
    return _SAME_AS.get(head, head)
