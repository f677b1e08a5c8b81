"""The worker: a loop that claims jobs, runs their commands, and settles what became of them."""
