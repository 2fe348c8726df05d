"""Whose exchange it is: items, fixtures of wider scope, threads, tasks."""

from __future__ import annotations

import json
import textwrap

import pytest

APP = """
import openai

def ask(text, **more):
    reply = openai.OpenAI().chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": text}], **more)
    return reply.choices[0].message.content

def embed(text):
    reply = openai.OpenAI().embeddings.create(model="tiny", input=text)
    return reply.data[0].embedding
"""


def echo(body, _number):
    return f"<{body['messages'][-1]['content']}>"


@pytest.fixture
def app(project, serve):
    project.write("app.py", APP)
    server = serve(echo)
    project.use(server)
    project.server = server
    return project


def passed(result, number):
    result.assert_outcomes(passed=number)
    return result


def last_run(project):
    text = (project.path / ".pytest_llm/last-run.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


WIDE = {
    "conftest.py": """
        import pytest
        from app import ask

        @pytest.fixture(scope="session")
        def index():
            yield [ask("knowledge 1"), ask("knowledge 2")]
            ask("forget it all")

        @pytest.fixture(scope="module")
        def notes(index):
            return ask("notes")
        """,
    "test_a.py": """
        import pytest
        from app import ask

        def test_unmarked(index):
            assert index == ["<knowledge 1>", "<knowledge 2>"]

        @pytest.mark.llm
        def test_one(index, llm_calls):
            assert ask("one") == "<one>"
            assert [call.role for call in llm_calls] == ["fixture", "fixture", "subject"]

        @pytest.mark.llm
        class TestClass:
            @pytest.fixture(scope="class", params=["x", "y"])
            def lettered(self, request):
                return ask(f"class {request.param}")

            def test_two(self, lettered, notes, llm_calls):
                assert lettered.startswith("<class ")
                assert {call.role for call in llm_calls} == {"fixture"}
        """,
    "test_b.py": """
        import pytest
        from app import ask

        @pytest.mark.llm
        def test_three(notes, index, llm_calls):
            assert [call.messages[-1].content for call in llm_calls] == ["knowledge 1", "knowledge 2", "notes"]

        def test_last_and_unmarked():
            pass
        """,
}


@pytest.fixture
def wide(app):
    for name, text in WIDE.items():
        app.write(name, textwrap.dedent(text))
    passed(app.record(), 6)
    return app


def test_fixtures_of_wider_scope_have_cassettes_of_their_own(wide):
    texts = wide.cassettes()
    assert sorted(texts) == [
        "cassettes/conftest/fixtures/index.yaml",
        "cassettes/test_a/fixtures/TestClass.lettered~x.yaml",
        "cassettes/test_a/fixtures/TestClass.lettered~y.yaml",
        "cassettes/test_a/fixtures/notes.yaml",
        "cassettes/test_a/test_one/test_one.yaml",
        "cassettes/test_b/fixtures/notes.yaml",
    ]
    assert "forget it all" in texts["cassettes/conftest/fixtures/index.yaml"]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), 6),
        (("test_b.py", "test_a.py"), 6),
        (("-k", "three"), 1),
        (("-k", "unmarked or two"), 4),
        (("-n", "2"), 6),
        (("test_a.py::test_unmarked", "test_a.py::test_one"), 2),
    ],
)
def test_they_replay_whatever_the_order_and_the_selection(wide, arguments, count):
    asked = len(wide.server.requests)
    wide.forget_key()
    passed(wide.run(*arguments), count)
    assert len(wide.server.requests) == asked


def test_they_are_counted_once_and_apart(wide):
    wide.forget_key()
    result = passed(wide.run(), 6)
    result.stdout.fnmatch_lines(["fixture index*replayed*", "*1 exchange replayed, nothing asked*"])
    head, *items = last_run(wide)
    assert sum(one["replayed"] for one in items) == 1
    assert {one["name"]: one["replayed"] for one in head["fixtures"]}["fixture notes"] == 1
    assert sum(one["replayed"] for one in head["fixtures"]) == 3 + 2 + 2


def test_a_changed_fixture_drops_what_it_no_longer_asks(wide):
    conftest = wide.path / "conftest.py"
    conftest.write_text(conftest.read_text().replace("knowledge 2", "knowledge 3"))
    for name in ("test_a.py", "test_b.py"):
        path = wide.path / name
        path.write_text(path.read_text().replace("knowledge 2", "knowledge 3"))
    result = wide.run()
    result.stdout.fnmatch_lines(
        ["*ERROR at setup of test_unmarked*", "the recording is stale: *knowledge 2*knowledge 3*"]
    )
    assert "recorder.py" not in result.stdout.str()
    passed(wide.record(), 6)
    text = wide.cassettes()["cassettes/conftest/fixtures/index.yaml"]
    assert "knowledge 3" in text and "knowledge 2" not in text


def test_threads_of_a_pool_and_gathered_tasks_belong_to_the_running_item(app):
    app.write(
        "test_many.py",
        """
import asyncio
from concurrent.futures import ThreadPoolExecutor
import openai
import pytest
from app import ask

POOL = ThreadPoolExecutor(8)      # of the application, for as long as the process lives

@pytest.mark.llm
@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_pool(name, llm_calls):
    texts = [f"{name}{n}" for n in range(12)]
    assert list(POOL.map(ask, texts)) == [f"<{text}>" for text in texts]
    assert len(llm_calls) == 12

@pytest.mark.llm
@pytest.mark.parametrize("name", ["d", "e"])
async def test_gathered(name, llm_calls, llm_async_client):
    async def ask(text):
        reply = await llm_async_client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": text}])
        return reply.choices[0].message.content
    texts = [f"{name}{n}" for n in range(50)]
    assert await asyncio.gather(*map(ask, texts)) == [f"<{text}>" for text in texts]
    assert len(llm_calls) == 50
""",
    )
    passed(app.record(), 5)
    for name, text in app.cassettes().items():
        letter = name.removesuffix(".yaml")[-1]
        asked = [line.split()[-1] for line in text.splitlines() if " content: " in line and "<" not in line]
        assert len(asked) == (12 if letter in "abc" else 50)
        assert {one[0] for one in asked} == {letter}
    count = len(app.server.requests)
    app.forget_key()
    passed(app.run(), 5)
    assert len(app.server.requests) == count == 36 + 100


def test_a_task_that_a_session_fixture_started_belongs_to_the_running_item(app):
    app.write(
        "test_tasks.py",
        """
import asyncio
import openai
import pytest
import pytest_asyncio

pytestmark = [pytest.mark.llm, pytest.mark.asyncio(loop_scope="session")]

@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worker():
    queue = asyncio.Queue()
    client = openai.AsyncOpenAI()
    async def serve():
        while True:
            text, done = await queue.get()
            reply = await client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": text}])
            done.set_result(reply.choices[0].message.content)
    task = asyncio.create_task(serve())
    yield queue
    task.cancel()

async def ask(worker, text):
    done = asyncio.get_running_loop().create_future()
    await worker.put((text, done))
    return await done

async def test_one(worker, llm_calls):
    assert await ask(worker, "one") == "<one>"
    assert len(llm_calls) == 1

async def test_two(worker, llm_calls):
    assert await ask(worker, "two") == "<two>"
    assert [call.role for call in llm_calls] == ["subject"]
""",
    )
    passed(app.record(), 2)
    assert sorted(app.cassettes()) == [f"cassettes/test_tasks/test_{n}/test_{n}.yaml" for n in ("one", "two")]
    app.forget_key()
    passed(app.run(), 2)


def test_the_tests_of_an_anyio_runner_keep_apart(app):
    app.write(
        "test_anyio.py",
        """
import openai
import pytest

pytestmark = [pytest.mark.llm, pytest.mark.anyio]

@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="module")
async def client(anyio_backend):
    yield openai.AsyncOpenAI()

@pytest.mark.parametrize("name", ["a", "b"])
async def test_it(name, client, llm_calls):
    reply = await client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": name}])
    assert reply.choices[0].message.content == f"<{name}>"
    assert len(llm_calls) == 1
""",
    )
    passed(app.record("-o", "asyncio_mode=strict"), 2)
    assert sorted(app.cassettes()) == [f"cassettes/test_anyio/test_it/{n}.yaml" for n in "ab"]
    app.forget_key()
    passed(app.run("-o", "asyncio_mode=strict"), 2)


def test_a_thread_that_a_test_left_running_is_told_and_asks_nothing_for_the_next(app):
    app.write(
        "test_left.py",
        """
import threading, time
import pytest
from app import ask

GO, DONE = threading.Event(), threading.Event()

def later():
    while not GO.is_set():
        time.sleep(0.005)
    try:
        ask("stray")
    finally:
        DONE.set()

@pytest.mark.llm
def test_leaves_a_thread():
    assert ask("one") == "<one>"
    threading.Thread(target=later, daemon=True).start()

@pytest.mark.llm
def test_next():
    GO.set()
    assert DONE.wait(10)
    assert ask("two") == "<two>"
""",
    )
    for run in (app.record, app.run):
        result = passed(run("-W", "ignore::pytest.PytestUnhandledThreadExceptionWarning"), 2)
        result.stdout.fnmatch_lines(["*asked by a thread that *test_leaves_a_thread left at work*"])
        assert "stray" not in "".join(app.cassettes().values())
    assert [body["messages"][0]["content"] for body in app.server.requests] == ["one", "two"]


def test_an_answer_that_comes_after_its_test_has_ended_is_kept_with_it(app, serve):
    import time

    def slow(body, number):
        time.sleep(0.8 if body["messages"][-1]["content"] == "late" else 0)
        return echo(body, number)

    app.use(serve(slow))
    app.write(
        "test_late.py",
        """
import threading
import time
import pytest
from app import ask

@pytest.mark.llm
def test_hurries():
    threading.Thread(target=ask, args=("late",)).start()
    time.sleep(0.3)

@pytest.mark.llm
def test_next():
    assert ask("two") == "<two>"
    time.sleep(1.2)
""",
    )
    passed(app.record(), 2)
    texts = app.cassettes()
    assert "<late>" in texts["cassettes/test_late/test_hurries/test_hurries.yaml"]
    assert "<late>" not in texts["cassettes/test_late/test_next/test_next.yaml"]
    assert not list(app.path.glob(".pytest_llm/journals/*.jsonl"))


def test_what_a_grader_asks_has_the_role_judge(app):
    app.write(
        "test_roles.py",
        """
import pytest
from app import ask
from pytest_llm import Prompt
from pytest_llm.graders import grader

@grader
def judged(output):
    return ask(f"is this good: {output.text}") != ""

@grader
async def judged_too(output):
    return ask(f"really: {output.text}") != ""

@pytest.mark.llm(Prompt(name="p", model="tiny", user="hello"), graders=[judged, judged_too])
def test_graded(llm_response, llm_calls):
    assert ask("more") == "<more>"

@pytest.fixture
def _after(request):
    yield

def test_none():
    pass
""",
    )
    passed(app.record("--llm-json", "run.json"), 2)
    app.forget_key()
    passed(app.run(), 2)
    assert len(app.server.requests) == 4


def test_embeddings_have_the_role_retrieval_and_wide_set_up_functions_work_too(app, serve):
    def embeddings(body, _number):
        if "input" not in body:
            return "<ok>"
        vector = {"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        return {"object": "list", "model": "tiny", "data": [vector], "usage": usage}

    app.use(serve(embeddings))
    app.write(
        "test_setup.py",
        """
import pytest
from app import ask, embed

def setup_module():
    ask("set up")

@pytest.mark.llm
def test_it(llm_calls):
    assert embed("x") == [0.25, 0.5]
    assert llm_calls[-1].role == "retrieval"
    assert llm_calls[-1].usage.prompt_tokens == 3
""",
    )
    passed(app.record(), 1)
    app.forget_key()
    passed(app.run(), 1)
    assert [name for name in app.cassettes() if "setup_module" in name]
