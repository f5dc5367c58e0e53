// The official TypeScript SDK's clients: sdk_client.mjs sdk|client ERA SERVER, in a directory with a `seed`; the server
// is a program or a URL. `sdk` is the line 1.x, `client` the line 2.x. Prints what it saw as JSON. They validate results against output schemas by
// themselves, and throw what does not fit.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

const [line, era, server] = process.argv.slice(2);
const story = JSON.parse(readFileSync(new URL("story.json", import.meta.url)));
const running = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 432[1]'";

// The packages are not beside this file, so that they are looked up as older modules are: in NODE_PATH.
async function load(name) {
  return import(pathToFileURL(createRequire(import.meta.url).resolve(name)));
}

const v1 = line === "sdk";

async function transport() {
  if (server.startsWith("http://")) {
    const { StreamableHTTPClientTransport } = await load(
      v1 ? "@modelcontextprotocol/sdk/client/streamableHttp.js" : "@modelcontextprotocol/client",
    );
    return new StreamableHTTPClientTransport(new URL(server));
  }
  const { StdioClientTransport } = await load(
    v1 ? "@modelcontextprotocol/sdk/client/stdio.js" : "@modelcontextprotocol/client/stdio",
  );
  return new StdioClientTransport({
    command: server, args: ["mcp", "serve"], env: { ...process.env }, stderr: "inherit",
  });
}

async function connect() {
  const { Client } = await load(v1 ? "@modelcontextprotocol/sdk/client/index.js" : "@modelcontextprotocol/client");
  const mode = era === "modern" ? { pin: "2026-07-28" } : era;
  const client = new Client({ name: "judge", version: "1" }, v1 ? {} : { versionNegotiation: { mode } });
  client.complaints = [];
  client.onerror = (error) => client.complaints.push(error.message);
  await client.connect(await transport());
  client.call = (name, args, options) =>
    v1 ? client.callTool({ name, arguments: args }, undefined, options) : client.callTool({ name, arguments: args }, options);
  return client;
}

function filled(value, kept) {
  if (typeof value === "string" && value.startsWith("$")) return kept[value.slice(1)];
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, filled(member, kept)]));
}

async function step(client, kept, { tool, arguments: args = {}, error, expect = {}, keep = [] }) {
  const result = await client.call(tool, filled(args, kept));
  const text = JSON.parse(result.content[0].text);
  if (error) {
    assert.equal(result.isError, true, tool);
    assert.equal(text.error.code, error, tool);
    return;
  }
  assert.ok(!result.isError, `${tool}: ${result.content[0].text}`);
  assert.deepEqual(text, result.structuredContent);
  for (const [name, value] of Object.entries(expect)) assert.deepEqual(text[name], value, `${tool} ${name}`);
  for (const name of keep) kept[name] = text[name];
}

async function run(client, workspace, command, options) {
  const result = await client.call("workspace_exec", { ...workspace, command }, options);
  assert.ok(!result.isError, result.content[0].text);
  return result.structuredContent.stdout;
}

async function progress(client, workspace) {
  const seen = [];
  await run(client, workspace, "for i in 1 2 3; do echo line $i; sleep 1.1; done", {
    onprogress: (one) => seen.push(one),
  });
  assert.ok(seen.every((one, i) => i === 0 || one.progress > seen[i - 1].progress), JSON.stringify(seen));
  assert.ok(seen.some((one) => one.message.startsWith("line")), JSON.stringify(seen));
  return seen.length;
}

async function untilRunning(client, workspace, wanted) {
  for (let i = 0; i < 100; i++) {
    if (((await run(client, workspace, running)) !== "0\n") === wanted) return;
    await sleep(100);
  }
  assert.fail(`the command is ${wanted ? "not " : ""}running`);
}

// Others are answered while a command runs; then it is gone from the guest.
async function cancel(client, workspace) {
  const abort = new AbortController();
  const call = assert.rejects(run(client, workspace, "sleep 4321", { signal: abort.signal }));
  await untilRunning(client, workspace, true);
  abort.abort("enough");
  await call;
  await untilRunning(client, workspace, false);
}

async function ping(client) {
  let ended = false;
  const args = { environment: "debian:12-base", mem_mib: 256, command: "sleep 2" };
  const call = client.call("vm_run", args).finally(() => (ended = true));
  while (!ended) {
    await (era === "legacy" ? client.ping() : client.call("vm_list_environments", {}));
    await sleep(100);
  }
  assert.equal((await call).structuredContent.exit_code, 0);
}

async function atOnce(client, workspace) {
  const numbers = [...Array(8).keys()];
  const calls = numbers.map((i) => run(client, workspace, `sleep 0.${9 - i}; echo ${i}`));
  assert.deepEqual(await Promise.all(calls), numbers.map((i) => `${i}\n`));
}

const client = await connect();
const listed = (await client.listTools()).tools.map((tool) => tool.name).sort();
const kept = { output_path: "out" };
let count;
try {
  for (const one of story) await step(client, kept, one);
  const workspace = { workspace_id: kept.workspace_id };
  await ping(client);
  count = await progress(client, workspace);
  await cancel(client, workspace);
  await atOnce(client, workspace);
} finally {
  if (kept.workspace_id) await client.call("workspace_delete", { workspace_id: kept.workspace_id });
}
assert.deepEqual(client.complaints, []);
const version = client.getNegotiatedProtocolVersion?.(); // 1.x does not tell
await client.close();
const used = [...new Set([...story.map((one) => one.tool), "workspace_delete"])].sort();
console.log(JSON.stringify({ version, listed, used, progress: count }));
