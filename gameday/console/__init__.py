"""The web console: pages, an API and a stream for each role. It reads run folders and writes to inboxes; it never
conducts.

``app`` puts it together; ``access`` says who may do what; ``reading`` makes what each role sees; ``stream`` follows
journals; ``api`` acts; ``pages`` draws.
"""
