"""A collection for Postman: every operation of the API as a request, in an order in which all of them work."""
