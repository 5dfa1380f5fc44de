"""How latency, memory, build time and bytes grow with the number of records: one process for each number and step."""
