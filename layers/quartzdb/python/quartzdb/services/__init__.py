"""Use cases, one class per family; each works on ports and domain values only."""
