"""Signals about ourselves, in Prometheus's words: runs and their verdicts, faults that are active, what is due."""
