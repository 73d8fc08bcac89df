"""From a link token to a connection that is set up."""
