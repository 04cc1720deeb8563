"""Opens the door: cameras, locks, the loop from a frame to a decision, and the kiosk daemon."""
