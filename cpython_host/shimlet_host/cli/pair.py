"""Commands of `shimlet board`: the whole manual pairing of a board and a full node in one go."""
