"""The demonstration: synthetic people come to a simulated door."""
