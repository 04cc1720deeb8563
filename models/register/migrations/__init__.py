"""Steps from one schema to the next; run by `models.register.database.bring_up_to_date`."""
