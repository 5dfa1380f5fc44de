"""What is kept and how it is searched: the log, segments and their indexes, snapshots."""
