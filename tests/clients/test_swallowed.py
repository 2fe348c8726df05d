"""An application that handles every error, or tries again: a miss comes out nevertheless, and at once."""

from __future__ import annotations

import re

import pytest

AT_ONCE_S = 5.0
"""Every retry and every wait in these applications takes more than 10 seconds."""

HEAD = """
import asyncio, concurrent.futures, contextlib, pytest, time
import anthropic, httpx, openai, requests, tenacity

messages = [{"role": "user", "content": "never recorded"}]
client = openai.OpenAI(base_url="http://models.invalid/v1", api_key="none", max_retries=5)
def ask():
    return client.chat.completions.create(model="tiny", messages=messages)
async def aask():
    async with openai.AsyncOpenAI(base_url="http://models.invalid/v1", api_key="none", max_retries=5) as client:
        return await client.chat.completions.create(model="tiny", messages=messages)

@pytest.fixture(autouse=True)
def took(request):
    began = time.monotonic()
    yield
    print("TOOK", request.node.name, time.monotonic() - began)
"""
APPS = {
    "except_exception": """
    try:
        ask()
    except Exception:
        pass
""",
    "bare_except": """
    try:
        ask()
    except:
        pass
""",
    "suppress": """
    with contextlib.suppress(BaseException):
        ask()
""",
    "sdk_retries": """
    with contextlib.suppress(Exception):
        client.chat.completions.create(model="tiny", messages=messages)
""",
    "anthropic_retries": """
    with contextlib.suppress(Exception):
        claude = anthropic.Anthropic(base_url="http://models.invalid", api_key="none", max_retries=5)
        claude.messages.create(model="tiny", max_tokens=9, messages=messages)
""",
    "requests_adapter_retries": """
    session = requests.Session()
    session.mount("http://", requests.adapters.HTTPAdapter(max_retries=requests.adapters.Retry(5, backoff_factor=1)))
    with contextlib.suppress(Exception):
        session.post("http://models.invalid/v1/chat/completions", json={"model": "tiny", "messages": messages})
""",
    "httpx_transport_retries": """
    with contextlib.suppress(Exception), httpx.Client(transport=httpx.HTTPTransport(retries=5)) as client:
        client.post("http://models.invalid/v1/chat/completions", json={"model": "tiny", "messages": messages})
""",
    "tenacity": """
    with contextlib.suppress(Exception):
        tenacity.retry(wait=tenacity.wait_fixed(5), stop=tenacity.stop_after_attempt(5))(ask)()
""",
    "tenacity_async": """
    with contextlib.suppress(Exception):
        asyncio.run(tenacity.retry(wait=tenacity.wait_fixed(5), stop=tenacity.stop_after_attempt(5))(aask)())
""",
    "gather_that_returns_exceptions": """
    async def main():
        return await asyncio.gather(aask(), aask(), return_exceptions=True)
    assert len(asyncio.run(main())) == 2
""",
    # As langchain's ainvoke does: what is no Exception has to be a result.
    "taken_for_a_result": """
    async def main():
        [result] = await asyncio.gather(aask(), return_exceptions=True)
        return result if isinstance(result, Exception) else result.choices
    asyncio.run(main())
""",
    "gather": """
    async def main():
        await asyncio.gather(aask(), asyncio.sleep(30))
    with contextlib.suppress(Exception):
        asyncio.run(main())
""",
    "task_group": """
    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(aask())
            group.create_task(asyncio.sleep(30))
    with contextlib.suppress(Exception):
        asyncio.run(main())
""",
    "except_star": """
    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(aask())
    try:
        asyncio.run(main())
    except* BaseException:
        pass
""",
    "task_that_nobody_awaits": """
    async def main():
        task = asyncio.create_task(aask())
        await asyncio.wait([task])
    with contextlib.suppress(Exception):
        asyncio.run(main())
""",
    "thread_pool": """
    with concurrent.futures.ThreadPoolExecutor() as pool:
        future = pool.submit(ask)
    assert future.exception()
""",
}


def test_a_miss_comes_out_at_once_whatever_the_application_does_with_it(project):
    tests = [
        f"@pytest.mark.llm(cases=[{{'id': 'a'}}])\ndef test_{name}(llm_case):{body}" for name, body in APPS.items()
    ]
    project.write("test_it.py", HEAD + "\n".join(tests))
    result = project.run("-s", "-W", "error")
    result.assert_outcomes(failed=len(APPS))
    for name in APPS:
        result.stdout.fnmatch_lines(
            [f"*_ test_{name}[[]a] _*", "no recording for this request: POST chat/completions*"]
        )
    took = dict(re.findall(r"TOOK test_(\w+)\S* (\S+)", result.stdout.str()))
    took.pop(next(iter(APPS)))  # the first one loads the SDK
    assert took.keys() == APPS.keys() - {next(iter(APPS))}
    assert not {name: seconds for name, seconds in took.items() if float(seconds) > AT_ONCE_S}


@pytest.mark.parametrize("wrapper", ["except Exception", "except BaseException"])
def test_an_answer_that_stands_in_for_a_miss_does_not_pass(project, wrapper):
    """The usual fallback of an application: a polite sentence, which a test might even assert."""
    project.write(
        "test_it.py",
        f"""{HEAD}
def answer():
    try:
        return ask()
    {wrapper}:
        return "Sorry, try again later."

@pytest.mark.llm(cases=[{{'id': 'a'}}])
def test_it(llm_case):
    assert answer() == "Sorry, try again later."
""",
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no recording for this request: POST chat/completions*"])
