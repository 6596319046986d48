"""The command line: ``main`` the group, then one file a command, thin; each is imported only when it is called."""
