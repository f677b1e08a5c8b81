"""Whether a store, its machine and its workers are well: facts are gathered, then judged. Nothing is changed."""
