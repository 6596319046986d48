"""What a run looks like while it goes on: ``board`` what a display knows, ``words`` events in plain words, ``gauges``
tolerances so far, ``sparks`` signals as lines, ``sections`` what is shown, ``frame`` how it fits a terminal."""
