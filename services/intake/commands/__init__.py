"""One async function per verb. A command reads, lets the domain decide, and writes all that follows in one transaction."""
