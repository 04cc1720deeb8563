"""Error rates with bounds, and thresholds from target error rates. Never imported by the kiosk."""
