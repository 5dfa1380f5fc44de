"""The reference of the API as text: made of the OpenAPI document, for the site and for a server without one."""
