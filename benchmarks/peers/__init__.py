"""Other vector databases beside this one: the same data, queries and recall, in one run on one machine."""
