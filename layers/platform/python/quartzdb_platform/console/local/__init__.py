"""The console of a server that has one tenant: its data, its keys and what was asked of it. No accounts, no mail."""
