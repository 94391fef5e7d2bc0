"""What other rooms may listen to."""

from __future__ import annotations

from django.dispatch import Signal

#: Sent inside the transaction that accepts an invitation; a receiver that raises undoes it.
#: Arguments: ``user`` (accounts.User), ``scope`` (str), ``role`` (str), ``invitation``.
invitation_accepted = Signal()

#: Somebody's second factors were taken away by an operator, so that they can set up new ones.
#: Arguments: ``user``, ``by`` (who did it: an account, or a str such as ``"command line"``),
#: ``kinds`` (tuple of the kinds removed).
authenticator_reset = Signal()

#: A grant or platform role was given or taken back.
#: Arguments: ``grant`` (EducatorGrant or PlatformRole), ``by`` (accounts.User or None), ``given`` (bool).
grant_changed = Signal()

#: An operator changed what an account may do; sent inside the transaction that does it.
#: Arguments: ``user``, ``was_active`` and ``was_operator`` (bool, before).
account_changed = Signal()

#: An invitation was taken back; sent inside the transaction that does it. Arguments: ``invitation``.
invitation_revoked = Signal()

#: In demo mode, each demo account exists now; a room that gives memberships by role listens here.
#: Sent again at every start, so receivers must be idempotent.
#: Arguments: ``user``, ``role`` (one of ``teacher editor steward specialist operator``). Receivers may return a list
#: of what somebody took away since and they therefore did not give back.
demo_role_assigned = Signal()
