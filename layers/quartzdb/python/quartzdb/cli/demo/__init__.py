"""`quartzdb demo`: a semantic search over the docstrings of Python's own standard library, with no network."""
