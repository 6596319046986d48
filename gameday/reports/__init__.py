"""Reports: what a run showed, for people: ``markdown`` report.md, ``words`` its language, ``escape`` users' text."""
