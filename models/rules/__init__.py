"""The rules of access, as pure functions: who may pass which door when, by what, and why not."""
