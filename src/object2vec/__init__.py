"""Object2Vec: embeddings of pairs of objects, trained and served in the open."""

__version__ = "0.1.0"
