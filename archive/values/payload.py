"""The form of what is published: every payload carries its number, in its text and in a column beside it."""

from __future__ import annotations

#: Rises whenever publications that exist must be made again: because what may be said in them has become less, or
#: because their readers need another form. 2: names by consent, sealed fields by one table, redactions that reach
#: links, media and times, and no hash of what is hidden. 3: no gazetteer's id of a place that is shown coarsely.
PAYLOAD_SCHEMA = 3
