"""The page that shows a door."""
