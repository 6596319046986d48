"""From files to a plan: ``build_plan`` reads the content and asks each provider what it would do; nothing is touched.

``case`` the files of one plan; ``steps`` the timeline; ``faults`` what breaks; ``signals`` what is watched; ``spans``
earliest and latest times; ``calls`` every API call and its price; ``envelope`` what is allowed; ``digest`` the seal.
"""

from gameday.planning.build import build_plan

__all__ = ["build_plan"]
