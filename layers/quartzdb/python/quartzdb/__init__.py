"""QuartzDB: a vector and key-value database that is a log and immutable segments."""

__version__ = "0.2.0"
