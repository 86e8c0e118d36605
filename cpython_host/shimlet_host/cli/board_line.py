"""Commands of `shimlet board`: the running node is asked over its serial line, never stopped."""
