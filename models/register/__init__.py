"""The register: people, consent, templates, crops, events and the pointer to the active release, in SQL."""
