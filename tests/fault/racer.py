"""A real client in a process of its own: fires requests at once when told to, and says how each was answered.

Reads one JSON list of requests a line on its standard input, `[[method, url, token, body], ...]`; writes the list of statuses.
"""

import asyncio
import json
import sys
from typing import Any

import httpx2


async def main() -> None:
    """Serve lines until there are no more."""
    loop = asyncio.get_running_loop()
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
    async with httpx2.AsyncClient(limits=limits, trust_env=False, timeout=10) as client:

        async def one(method: str, url: str, token: str, body: Any) -> int:
            try:
                reply = await client.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})
            except httpx2.HTTPError:
                return 0
            return reply.status_code

        while line := await loop.run_in_executor(None, sys.stdin.readline):
            statuses = await asyncio.gather(*(one(*request) for request in json.loads(line)))
            sys.stdout.write(json.dumps(statuses) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
