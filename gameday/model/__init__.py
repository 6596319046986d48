"""What a user writes: one kind of file a module, all strict pydantic models.

``types`` the small words (durations, percentages); ``service``, ``tolerance``, ``scenario``, ``runbook``, ``observer``,
``workload``, ``workspace`` the kinds; ``content`` all of a workspace together; ``load`` YAML with file:line:column;
``lint`` what spans files; ``schema`` JSON Schemas for editors.
"""
