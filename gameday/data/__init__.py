"""Package data: catalogues."""
