"""A whole site in virtual time: real writers, readers and indexers over ports that delay, duplicate, fail and crash."""
