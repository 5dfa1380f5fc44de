"""The router at the edge: CloudFront's events in, rewritten requests or answers out.

Imports the standard library and failover only: it runs as a Lambda@Edge function, which has no layers, and no
environment variables of ours.
"""
