"""The command line: one file a command word; Click and Rich live here alone."""
