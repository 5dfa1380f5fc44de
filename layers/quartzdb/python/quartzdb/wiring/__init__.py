"""The composition roots: settings → adapters → services. The only folder that knows adapters."""
