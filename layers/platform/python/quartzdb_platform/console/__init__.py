"""The console: server-rendered pages over the platform's use cases."""
