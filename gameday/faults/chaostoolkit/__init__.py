"""Chaos Toolkit: any of its actions as a fault, any of its probes as a signal.

An activity of an experiment is arbitrary code, and is treated so. It runs in a worker, a process of its own that knows
no credential but the secrets that the scenario names, has limits, and is killed with all its children when its time is
over. This package is the one door to chaoslib, and only the worker goes through it: the conductor never imports it.
"""
