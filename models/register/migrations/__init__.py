"""Steps from one schema to the next; run by `models.register.database.migrate`."""
