"""What intake decides, pure: triage, public safety plans, the map, and the life of a call. No I/O, no clock."""
