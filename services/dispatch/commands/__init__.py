"""One function per verb: read the case, decide by the domain, write the step and its history."""
