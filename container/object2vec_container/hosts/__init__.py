"""Training on several hosts: how they find, hear and end with each other. No engine in here."""
