"""Admits people: the enrolment use-cases, the register's commands and the offline re-training script."""
