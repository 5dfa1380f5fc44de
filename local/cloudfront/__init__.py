"""CloudFront with Lambda@Edge on one machine, as no emulator has it: the real function with real-shaped events.

Nothing is cached, as in the deployment. Every rule that CloudFront has for what a function gives back is enforced.
"""
