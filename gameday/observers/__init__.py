"""What we watch, one source a file: ``cloudwatch``."""
