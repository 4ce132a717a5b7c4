"""The program `serve`: a model folder in, answers over HTTP out."""
