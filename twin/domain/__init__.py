"""The language of the twin, pure: facts, commands, records, columns, views, specs and ports.

Nothing here knows a scheduler, a socket, a solver or a database.
"""
