"""The write path, embedded: acknowledging, searching what no indexer has seen, and indexing."""
