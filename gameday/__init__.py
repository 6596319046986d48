"""gameday: rehearsed failure with people in it.

A **scenario** becomes a **plan**; the **conductor** walks the plan, calling **faults** and **people** while
**observers** watch; everything that happens goes into the **journal**; the **verdict** is computed from the journal
and the signals alone; the **report** tells it::

    scenarios/*.yaml --load--> Scenario --plan--> Plan ==run==> Conductor --> Fault | Person | Observer      (sockets)
                                                                  |  intends, starts, ends, acks, notes, samples
                                                                  v
                                              Journal + signals (append-only) --judge--> Verdict --tell--> Report
                                                                  ^
                         CLI and console only read it, and drop commands into the inbox (ack, note, hold, skip, abort)
"""

__version__ = "0.1.0"
