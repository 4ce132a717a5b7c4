"""Small saved models for tests of what serves them."""

from pathlib import Path

from tests.unit.network.small import hyperparameters, random_network, random_tables

from object2vec.saved_model import ModelWriter


def save(folder: Path, seed: int = 1) -> Path:
    """Write a model of random numbers; another seed gives another one of the same size."""
    chosen = hyperparameters(enc0_network="pooled_embedding")
    arrays = {table.name: table.weights for table in random_tables(chosen, seed)}
    network = random_network(chosen, seed).values()
    ModelWriter(folder, chosen, (None, None)).save({**arrays, **network}, {"epochs": []})
    return folder
