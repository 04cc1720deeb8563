"""Encoders: networks that turn aligned crops into embeddings."""
