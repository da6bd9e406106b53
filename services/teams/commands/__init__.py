"""One function per verb. Each reads, decides in the domain, and writes one statement that is fenced on what was read."""
