"""The starter city: enough of Los Angeles to try the whole system in a minute.

Owns a table of the 114 Los Angeles neighborhoods with the coordinates of their centers, approximate cells computed
from it, and a dozen invented teams of three invented providers. It promises that these teams together serve every
neighborhood in every discipline, in English and in Spanish, round the clock. It never claims to be the city's official
boundaries (`commonground import-neighborhoods` loads those) and holds nobody's real name.
"""
