"""A room that gives the archive a new kind of record, to prove that no line of the archive has to change for it.

It is installed by ``tests.house.probe_settings`` alone; ``test_probe_room.py`` runs ``inside.py`` in a process of its
own. Whoever builds a room may read it as the shortest one there is.
"""
