"""Hardware and servers that tests talk to: small programs that speak the real protocols."""
