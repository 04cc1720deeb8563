"""Commands about people, their consent, and releases."""
