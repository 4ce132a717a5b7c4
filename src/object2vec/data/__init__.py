"""JSON Lines to checked ragged token arrays, and those to batches. Imports no MXNet."""
