"""`quartzdb import`: records or key-values from a file, in batches, to be gone on with after an interruption."""
