"""The duties that both engines do with the same statements; what an engine does in its own way is in its own room."""
