"""The journal: what happened, one event a line, each line holding the digest of the one before.

``events`` the event and its types; ``store`` append and read; ``state`` the fold of events; ``inbox`` commands on
their way in.
"""
