"""The stacks: they compose constructs, grant one access to another, and put out what an operator needs."""
