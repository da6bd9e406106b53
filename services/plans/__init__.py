"""Plans as files: YAML that people write and review in a pull request.

Owns the client of intake's API behind `commonground plans`. It promises that a file and the API are the same model (intake's, which
also reads such files); it never touches a database.
"""
