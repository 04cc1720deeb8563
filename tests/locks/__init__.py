"""Tests of the locks."""
