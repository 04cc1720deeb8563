"""Re-training on the faces of a site: train, compare, promote or refuse."""
