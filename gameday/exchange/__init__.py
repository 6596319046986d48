"""What others write, read as ours, and ours written as theirs."""
