"""From what a CAD said to a decision: pure functions over evidence, a protocol and a plan."""
