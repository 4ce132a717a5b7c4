"""The predictor: records in, scores or embeddings out."""
