"""The evaluation of outage detection: institutions in virtual time, with known outages."""
