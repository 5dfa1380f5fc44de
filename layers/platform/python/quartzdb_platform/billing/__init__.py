"""Billing: what an organization pays. Stripe is the record of money; what is kept here can be made anew from it."""
