"""Deterministic simulation of the whole backend: one process, one virtual clock, one seed.

Ideas: TigerBeetle's simulator (https://docs.tigerbeetle.com/about/vopr) and FoundationDB's
(https://apple.github.io/foundationdb/testing.html): everything outside is simulated, a seed decides every interleaving
and fault, and invariants are checked, not expected answers.

    loop.py        virtual time, and the tasks that run on it one at a time
    boundary.py    every call that leaves the backend: delays, faults and deaths
    google.py      Cloud Tasks, triggers and schedules
    plaid_side.py  the Plaid simulator, in process
    backend.py     the real functions, over the fakes
    scenario.py    what happens, as a list of timed events
    actions/       what each event does
    world.py       the people, and what actions need
    sizes.py       small pages and commits, so that small data needs many
    invariants/    what must always hold
    run.py         runs one scenario
    shrink.py      finds the shortest scenario that still fails
    mutations/     known faults that the simulation must find
"""
