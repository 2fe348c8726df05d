"""A reply that breaks off is no reply: the application gets the error of its client, and nothing is recorded."""

from __future__ import annotations

from model_server import ModelServer

SENDS = {
    "openai": """
    list(openai.OpenAI(base_url=CUT, api_key="none", max_retries=0).chat.completions.create(**asked))
""",
    "openai_async": """
    async def main():
        async with openai.AsyncOpenAI(base_url=CUT, api_key="none", max_retries=0) as client:
            return [chunk async for chunk in await client.chat.completions.create(**asked)]
    asyncio.run(main())
""",
    "requests": """
    with requests.post(CUT + "/chat/completions", json=asked, stream=True) as reply:
        list(reply.iter_lines())
""",
    "httpx": """
    with httpx.stream("POST", CUT + "/chat/completions", json=asked) as reply:
        list(reply.iter_lines())
""",
    "aiohttp": """
    async def main():
        async with aiohttp.ClientSession() as session, session.post(CUT + "/chat/completions", json=asked) as reply:
            return [line async for line in reply.content]
    asyncio.run(main())
""",
}


def test_the_application_gets_its_error_and_nothing_is_kept(project):
    tests = "".join(
        f"@pytest.mark.llm(cases=[{{'id': 'a'}}])\ndef test_{name}(llm_case):\n  with pytest.raises(ERRORS):{body}"
        for name, body in SENDS.items()
    )
    with ModelServer().running() as server:
        project.write(
            "test_it.py",
            f"""
import asyncio, aiohttp, httpx, openai, pytest, requests
CUT = {server.at("cut")!r}
ERRORS = (openai.APIConnectionError, requests.RequestException, httpx.HTTPError, aiohttp.ClientError)
asked = {{"model": "tiny", "messages": [{{"role": "user", "content": "hello"}}], "stream": True}}
{tests}""",
        )
        recorded = project.record()
    recorded.assert_outcomes(passed=len(SENDS))
    recorded.stdout.fnmatch_lines([f"{len(SENDS)} requests were answered by an error, or not at all, *"])
    assert len(server.requests) == len(SENDS)
    assert not project.cassettes()
    replayed = project.run()
    replayed.assert_outcomes(failed=len(SENDS))
    replayed.stdout.fnmatch_lines([f"{len(SENDS)} without a recording: *"])
