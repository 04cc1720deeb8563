"""Every setting, a class per table of the settings file, and how they are read."""
