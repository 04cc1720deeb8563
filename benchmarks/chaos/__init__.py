"""Two doors, a broker and `doorward sync` under random changes and faults; afterwards everything is checked.

`python -m benchmarks.chaos`. Start reading at `run`. `door` is the program of one door, `changes` and
`faults` are what happens; `world` keeps what was in force when, and the modules `..._checks` say what must
hold.
"""
