"""The verdict, pure: tolerances x signals -> intervals, codes, verdicts (definitions D1-D22).

``codes`` validity codes and how verdicts combine; ``states`` what each bucket was; ``bounds`` the interval of time;
``volume`` the interval of failed transactions; ``judge`` one tolerance judged over one series; ``series`` a CSV file.
Of a run: ``facts`` what its journal says (``injected`` of a fault, ``shape`` whether it can be read), ``window`` its
buckets, ``recovery`` whose recovery it was, ``clocks`` how fast each thing happened, ``faulted`` what was seen of each
fault, ``backlog`` where the harm outlasts the outage, ``advice`` why, and the cheapest change that would conclude;
``run`` all of it together: verdict.json.
"""
