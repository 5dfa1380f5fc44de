"""The inverted index: which words the records of a segment or of the tail have, and which numbers of sparse vectors."""
