"""Schedules: what is due, what is skipped and why, and when to look again. Pure: time and the past are arguments."""
