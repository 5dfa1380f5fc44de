"""`quartzdb serve`: the database over HTTP on this machine, in one process or several."""
