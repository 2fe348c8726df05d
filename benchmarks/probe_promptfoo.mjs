// As probe_graders.py, for promptfoo: its assertion handlers, called one after the other, without its command line.
import fs from "node:fs";
import readline from "node:readline";
import promptfoo from "promptfoo";

const schema = JSON.parse(fs.readFileSync(new URL("schema.json", import.meta.url), "utf8"));
const expecting = (type, more = {}) => (expected) => ({ type, value: expected, ...more });
const constant = (assertion) => () => assertion;

// From what was expected of an output to the assertion.
const assertions = {
  equals: expecting("equals"),
  contains: constant({ type: "contains", value: "oak barrels" }),
  contains_all: constant({ type: "contains-all", value: ["oak barrels", "stock"] }),
  contains_any: constant({ type: "contains-any", value: ["oak barrels", "copper pots"] }),
  starts_with: constant({ type: "starts-with", value: "We" }),
  regex: constant({ type: "regex", value: "\\b[1-9][0-9]* oak (?:barrels|casks)\\b" }),
  word_count: constant({ type: "word-count", value: { min: 50, max: 100 } }),
  not_: constant({ type: "not-contains", value: "oak barrels" }),
  levenshtein: (expected) => ({ type: "levenshtein", value: expected, threshold: Math.floor(expected.length / 10) }),
  rouge: expecting("rouge-n", { threshold: 0.9 }),
  bleu: expecting("bleu", { threshold: 0.7 }),
  valid_json: constant({ type: "is-json" }),
  json_schema: constant({ type: "is-json", value: schema }),
  contains_json: constant({ type: "contains-json" }),
  json_equals: expecting("equals"),
  valid_xml: constant({ type: "is-xml" }),
  valid_sql: constant({ type: "is-sql" }),
  tool_call_f1: constant({ type: "tool-call-f1", value: ["find_customer", "place_order"] }),
  refusal: constant({ type: "is-refusal" }),
  finish_reason: constant({ type: "finish-reason", value: "stop" }),
  max_cost: constant({ type: "cost", threshold: 0.01 }),
  max_latency: constant({ type: "latency", threshold: 2000 }),
};

function given(row, [output, expected]) {
  const assertion = assertions[row](expected);
  const response = { output };
  let latencyMs;
  if (output && output.tool_calls) {
    response.output = output.tool_calls.map((call, place) => ({
      id: `call_${place}`,
      type: "function",
      function: { name: call.name, arguments: JSON.stringify(call.arguments) },
    }));
  } else if (output && output.finish_reason) {
    Object.assign(response, { output: "", finishReason: output.finish_reason, cost: output.cost });
    latencyMs = output.latency * 1000;
  }
  return { assertion, test: { vars: {} }, providerResponse: response, latencyMs, prompt: "" };
}

async function graded(task) {
  const outputs = JSON.parse(fs.readFileSync(task.file, "utf8")).slice(0, task.count);
  const tasks = outputs.map((one) => given(task.row, one));
  const results = [];
  const start = process.cpuUsage();
  for (const one of tasks) {
    results.push(await promptfoo.assertions.runAssertion(one));
  }
  const used = process.cpuUsage(start);
  const verdicts = results.map((one) => (one.pass ? "1" : "0")).join("");
  return { cpu_s: (used.user + used.system) / 1e6, verdicts };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  const told = task.build ? { built: task.row in assertions } : await graded(task);
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
