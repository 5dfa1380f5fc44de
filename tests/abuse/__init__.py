"""One request, one key or one client against a server that has others to serve. Each test is an example of a kind."""
