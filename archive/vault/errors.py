"""What can go wrong in the vault, each with the thing, the place and the remedy in its message."""

from __future__ import annotations

import errno


class VaultError(Exception):
    """Base of every refusal and fault of the vault; the text is fit to be shown to an operator."""

    #: What a view answers when it has nothing better to say.
    http_status = 500


class VaultFull(VaultError):
    """The disk has no room for these bytes; nothing of them was kept, and reading still works (HTTP 507)."""

    http_status = 507


class VaultFault(VaultError):
    """The operating system failed while the vault wrote or read; nothing was acknowledged."""


class VaultCorrupt(VaultError):
    """Stored bytes are not the bytes that were acknowledged."""


class UnknownObject(VaultError):
    """No object of this identifier is in the vault."""

    http_status = 404


class ObjectConflict(VaultError):
    """Somebody else wrote this version of the object first; nothing of ours was kept."""

    http_status = 409


class RefusedUpload(VaultError):
    """An uploaded file is not what may come in; names the file and the reason."""

    http_status = 422


#: Linux says these when a write cannot be given room (EDQUOT: the account's quota is used up).
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def fault_of(error: OSError, doing: str) -> VaultError:
    """Translate an operating-system error met while ``doing`` something into the vault's own words.

    ``doing`` names the step ("storing the original"), never a user's file name: the text reaches logs.
    """
    if error.errno in _NO_ROOM:
        return VaultFull(
            f"The disk is full while {doing}. Nothing was kept. Free some space or enlarge the disk, then try again."
        )
    return VaultFault(
        f"The disk failed while {doing} ({error.strerror or error}). Nothing was acknowledged. "
        "Check the disk, run verify_vault, then try again."
    )
