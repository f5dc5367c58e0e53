// The smallest server that the official TypeScript SDK makes: one tool that answers with a word. bench/mcp.py copies
// it to where the SDK is installed.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";

const server = new McpServer({ name: "smallest", version: "1.0.0" });
server.registerTool("word", { description: "Answers with a word." }, async () => ({ content: [{ type: "text", text: "word" }] }));
await server.connect(new StdioServerTransport());
