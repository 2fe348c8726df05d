"""The JSON Schemas in docs/formats, held against files that the product wrote."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from pytest_llm import load_cases
from pytest_llm.calibrations import Calibration
from pytest_llm.cassettes.document import apart, body_of, write
from pytest_llm.cassettes.entry import DrawGrades, Entry, Mark, StoredReply
from pytest_llm.cassettes.identity import Comparison, identity_of, record_of
from pytest_llm.cassettes.secrets import KEPT_HEADERS
from pytest_llm.cli.labels import read_labels
from pytest_llm.stats.agreement import Agreement

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "docs" / "formats"


def schema(name):
    found = json.loads((FORMATS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


def findings(name, value):
    return [f"{error.json_path}: {error.message[:200]}" for error in schema(name).iter_errors(value)]


@pytest.fixture(scope="module")
def cassettes():
    found = sorted((ROOT / "examples").glob("*/cassettes/**/*.yaml"))
    assert len(found) > 100
    return found


def test_every_recorded_cassette_conforms(cassettes):
    validator = schema("cassette")
    for path in cassettes:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        assert not list(validator.iter_errors(documents)), path
        assert documents[0]["version"] in (1, 2)


def test_a_cassette_of_streams_conforms():
    name = "response.output_text.delta"
    events = [{"type": name, "delta": word, "sequence_number": n} for n, word in enumerate(("The", " basket"))]
    text = "".join(f"event: {name}\ndata: {json.dumps(event)}\n\n" for event in events) + ": end\n\ndata: {"
    headers = {"content-type": "text/event-stream", "location": "/x"}
    request = record_of("POST", "https://a.invalid/v1/responses", b"{}")
    entry = Entry(identity_of(request), request)
    for number, content in enumerate((text, text.replace("\n", "\r\n")), start=1):
        body = body_of(content.encode(), headers["content-type"])
        assert body.keys() == {"stream"}
        entry.replies["1", number] = StoredReply(
            slot="1", number=number, status=200, latency_ms=1, headers=headers, body=body
        )
    documents = list(yaml.load_all(write([entry]), Loader=yaml.CSafeLoader))
    assert findings("cassette", documents) == []


def test_a_cassette_of_uploads_conforms():
    parts = ["", 'Content-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: image/png\r\n']
    entries = []
    for content in (b"text", b"\xff\0"):
        body = b"".join(f"--b\r\n{part}\r\n".encode() + content + b"\r\n" for part in parts) + b"--b--"
        request = record_of("POST", "https://a.invalid/v1/files", body, "multipart/form-data; boundary=b")
        assert len(request["multipart"]) == 2
        reply = StoredReply(slot="1", number=1, status=200, latency_ms=1, headers={}, body={})
        entries.append(Entry(identity_of(request), request, {("1", 1): reply}))
    documents = list(yaml.load_all(write(entries), Loader=yaml.CSafeLoader))
    assert findings("cassette", documents) == []


def test_a_cassette_with_vectors_pictures_and_megabytes_conforms(tmp_path):
    picture = base64.b64encode(random.Random(1).randbytes(40_000)).decode()
    request = record_of("POST", "https://a.invalid/v1/images/generations", b"\xff")
    entry = Entry(identity_of(request), request)
    trees = ({"vector": [0.5] * 64, "other": [0.1] * 64, "picture": picture}, ["line\n" * 100_000])
    bodies = [{"json": tree} for tree in trees] + [{"text": "line\n" * 100_000}, {"base64": picture}]
    for number, body in enumerate(bodies, 1):
        entry.replies["1", number] = StoredReply(
            slot="1", number=number, status=200, latency_ms=1, headers={}, body=body
        )
    stored, files = apart([entry], "case")
    assert len(files) == 3, "the picture is there twice"
    assert findings("cassette", list(yaml.load_all(write(stored), Loader=yaml.CSafeLoader))) == []


def test_all_that_a_cassette_says_about_a_reply_conforms():
    sent = {"anthropic-version": "2023-06-01"}
    url = "https://a.invalid/lora-a/v1/messages"
    request = record_of("POST", url, b"{}", headers=sent, compared=Comparison(headers=frozenset(sent)))
    assert request.keys() > {"path", "headers"}
    grades = DrawGrades(suite="test_x", instrument="3f", grades={"outcome": "P", "quality": 0.75})
    reply = StoredReply(
        slot="1/errors/2",
        number=1,
        status=200,
        latency_ms=1,
        headers=dict.fromkeys(KEPT_HEADERS, "x"),
        body={"text": "hi"},
        recorded="2026-12-01T09:30:00Z",
        concurrency=16,
        feedback=1,
        mark=Mark(kind="ablation", name="rule 2", definition={"without": "Write dates as YYYY-MM-DD."}),
        accepted=(grades,),
        earlier=(DrawGrades(), grades),
    )
    entry = Entry(identity_of(request), request, {(reply.slot, 1): reply}, rules=2, verdicts=3)
    documents = list(yaml.load_all(write([entry]), Loader=yaml.CSafeLoader))
    assert findings("cassette", documents) == []
    for place in (documents[1], documents[1]["responses"][0]):
        place["unknown"] = 1
        assert findings("cassette", documents)
        del place["unknown"]
    older = [{"version": 1, "rules": 1}, *documents[1:]]
    assert findings("cassette", older)


def stream(*items):
    reply = {"slot": "1", "number": 1, "status": 200, "headers": {}, "stream": list(items)}
    document = {"identity": "0" * 64, "request": {"method": "POST", "url": "responses"}, "responses": [reply]}
    return [{"version": 1, "rules": 1}, document, {"end": 1}]


def test_every_case_of_the_examples_conforms():
    for path in (ROOT / "examples").glob("[a-z]*/*.jsonl"):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        kind = "label" if path.name == "labels.jsonl" else "case"
        assert [finding for line in lines for finding in findings(kind, line)] == []
        assert read_labels(path) if kind == "label" else load_cases(path)


def test_a_run_file_conforms(project, serve):
    project.use(serve(lambda body, n: "Paris" if n == 1 else (400, {"error": {"message": "no"}})))
    project.write(
        "test_it.py",
        """
import pytest
from pytest_llm import Prompt
from pytest_llm.graders import equals
ask = Prompt(name="ask", model="tiny", user="{{ q }}")
CASES = [{"id": "a", "q": "1", "tags": ["vip"]}, {"id": "b", "q": "2", "group": "g", "split": "dev", "relevant": ["n"]}]
@pytest.mark.llm(ask, cases=CASES, graders=[equals("Rome")])
def test_it(llm_response): ...
@pytest.mark.llm
def test_bare(): assert True
""",
    )
    for arguments in (("--llm-record",), ()):
        project.run(*arguments, "--llm-json=run.json")
        text = (project.path / ".pytest_llm" / "last-run.jsonl").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        assert len(lines) == 4
        assert findings("run", lines) == []
        assert json.loads((project.path / "run.json").read_text())["results"] == lines[1:]


def test_a_baseline_and_the_verdicts_of_a_run_conform(project, serve):
    project.use(serve(lambda body, n: "Rome" if n != 4 else "Paris"))
    project.write(
        "test_it.py",
        """
import pytest
from pytest_llm import Prompt, grader
from pytest_llm.graders import equals
ask = Prompt(name="ask", model="tiny", user="{{ q }}", temperature=0.5)
@grader
def brevity(output):
    return 1 / len(output.text)
CASES = [{"id": "a", "q": "1", "group": "g"}, {"id": "b", "q": "2"}]
@pytest.mark.llm(ask, cases=CASES, graders=[equals("Rome"), brevity])
def test_it(llm_response): ...
""",
    )
    for arguments in (
        ("--llm-record", "--llm-baseline=update"),
        ("--llm-rerecord",),
        ("--llm-baseline=check", "-k", "a"),
    ):
        project.run(*arguments)
        lines = [
            json.loads(line) for line in (project.path / ".pytest_llm" / "last-run.jsonl").read_text().splitlines()
        ]
        assert lines[0]["suites"]
        assert lines[0]["verdicts"]
        assert findings("run", lines) == []
    text = (project.path / "llm_baselines" / "test_it" / "test_it.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert findings("baseline", document) == []
    assert document["cases"]["a"]["scores"] == {"brevity": [0.25]}
    assert (document["cases"]["a"]["group"], document["cases"]["a"]["sample_draws"]) == ("g", [1])
    assert document["anchor"]["cases"].keys() == {"a", "b"}


def test_the_files_of_version_1_conform():
    folder = ROOT / "tests" / "data" / "version_1"
    run = [json.loads(line) for line in (folder / "last-run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (run[0]["version"], findings("run", run)) == (1, [])
    text = (folder / "llm_baselines" / "test_colour" / "test_colour.json").read_text(encoding="utf-8")
    assert (json.loads(text)["version"], findings("baseline", json.loads(text))) == (1, [])


def test_a_calibration_conforms():
    counts = Agreement(pass_pass=2, pass_fail=1, fail_pass=0, fail_fail=3)
    found = Calibration(
        judge="polite",
        judge_version="0" * 12,
        model="big",
        labels="labels.jsonl",
        labels_sha256="0" * 64,
        agreement=counts,
        injections=50,
        injections_passed=("order-1",),
    )
    assert findings("calibration", json.loads(found.text)) == []
    assert Calibration.of(found.text, "") == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("calibration", {"version": 1, "judge": "polite"}),
        ("label", {"output": "Please."}),
        ("baseline", {"version": 1, "suite": "x"}),
        ("baseline", {"version": 3, "suite": "x", "cases": {}}),
        ("baseline", {"version": 2, "suite": "x", "cases": {}, "anchor": {"note": "", "subject": ""}}),
        (
            "baseline",
            {"version": 1, "suite": "x", "cases": {"a": {"case": "", "requests": [], "replies": [], "grades": {}}}},
        ),
        ("run", [{"version": 1, "mode": "replay", "results": 0, "verdicts": [{"kind": "MAYBE"}]}]),
        ("case", {"inputs": {}, "email": 1}),
        ("case", {"tags": "vip", "x": 1}),
        ("case", {}),
        ("run", [{"version": 3, "mode": "replay", "results": 0}]),
        ("run", [{"version": 2, "mode": "replay", "results": 0, "commit": {"id": "HEAD", "dirty": None}}]),
        ("case", {"x": 1, "group": 3}),
        ("case", {"x": 1, "split": "Monday"}),
        ("case", {"x": 1, "relevant": "n1"}),
        ("run", [{"version": 1, "mode": "replay", "results": 1}, {"nodeid": "x"}]),
        ("cassette", [{"version": 1, "rules": 1}]),
        ("cassette", [{"version": 1, "rules": 1}, {"identity": "x", "request": {}, "responses": []}, {"end": 1}]),
        ("cassette", [{"version": 2, "rules": 1}, {"end": 0}]),
        ("cassette", stream({"raw": "x", "rest": "x"})),
        ("cassette", stream({"data": {}, "run": [{"at": "/a"}]})),
        ("cassette", stream({"data": {}, "run": [{"at": "/a", "text": "x"}]})),
        ("cassette", stream({"data": {}, "run": [{"at": "/a", "text": "x", "cuts": "one"}]})),
    ],
)
def test_the_schemas_can_say_no(name, value):
    assert findings(name, value)
