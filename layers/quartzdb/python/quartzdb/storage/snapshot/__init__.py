"""How segments come to be and reach readers: manifest, indexer, compaction, cache."""
