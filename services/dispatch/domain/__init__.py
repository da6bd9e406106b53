"""What may happen to an incident and to an assignment: pure values and rules, without I/O, clock or SQL."""
