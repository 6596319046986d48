"""The composition root: settings become a conductor with its sockets filled.

``sockets`` what fills them for one environment; ``rehearsing`` the loopback AWS of a run; ``starting`` a new run;
``recovering`` runs whose conductor died.
"""
