"""How records are searched: segments, their engines, the planner and the query."""
