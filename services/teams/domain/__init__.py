"""What the teams service decides, pure: duty, shifts, positions, who may be offered work, and holds. No I/O, no clock."""
