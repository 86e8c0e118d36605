"""Why autopeering brings no neighbors, or not these, and what mends it.

`probe` sends real Pings, `gather` adds what the full node tells, as `evidence`; `table` holds the
causes, of a single peer and of the whole, and `findings` goes through them. Called by `shimlet
doctor`.
"""
