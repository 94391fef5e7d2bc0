"""The sealed store of originals: an OCFL 1.1 storage root, its way in, its fixity, custody and copies.

Nothing here but :mod:`archive.vault.deposit` and the commands knows the database, so that the vault can be
read, checked and rebuilt from without one.
"""
