"""Plans as files: YAML that people write and review in a pull request.

Owns reading such files with the line of every fault, and the client of intake's API behind `commonground plans`. It promises that a
file and the API are the same model; it never touches a database.
"""
