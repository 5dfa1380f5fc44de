"""A Stripe for one machine: the part of Stripe's API that the platform uses, with its webhooks and hosted pages.

It is no part of Stripe, was never compared with Stripe by Stripe, and moves no money. README.md says what it
leaves out.
"""
