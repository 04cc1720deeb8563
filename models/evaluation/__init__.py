"""How often it errs, with bounds, and the threshold that keeps a promise. Never imported by the kiosk."""
