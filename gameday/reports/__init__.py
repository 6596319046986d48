"""Reports: what a run showed, for people. ``finish`` makes everything again from a run's folder.

``markdown`` report.md from the content folder's template, ``summary`` its first sentences, ``timeline`` what happened,
``deviations`` as planned against as run, ``limits`` what it does not show, ``bars`` intervals against their limits,
``words`` its language, ``escape`` users' text made harmless; ``signals`` the CSV files, ``files`` whole or not at all.
"""
