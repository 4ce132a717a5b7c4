"""The training loop and all it needs: batches in, a saved model out."""
