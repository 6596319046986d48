"""A worked plug-in for gameday: a fault, an observer and a channel that need nothing but a folder."""
