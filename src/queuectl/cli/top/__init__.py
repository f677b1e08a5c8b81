"""`queuectl top`: a live screen of what goes on in a store, with keys to act on it."""
