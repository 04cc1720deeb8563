"""Events for other programs: what `doorward sync` sends to MQTT brokers and webhooks. No door needs it."""
