"""The people of a game day: scripted for a rehearsal (``script``), or reached through a channel (``channels``)."""
