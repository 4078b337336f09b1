// Calls the gateway as a program written for OpenAI does: only baseURL and the key differ.
// Usage: node chat.mjs BASE_URL KEY
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const ask = (content, more = {}) =>
  client.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content }], ...more });

const whole = await ask("hi there");
let streamed = "";
for await (const chunk of await ask("hi there", { stream: true })) {
  streamed += chunk.choices[0].delta.content ?? "";
}
const tools = [{ type: "function", function: { name: "total", parameters: { type: "object", properties: {} } } }];
const called = await ask("total of 17?", { tools });
let error = null;
try {
  await ask("too much");
} catch (raised) {
  error = [raised.constructor.name, raised.status, raised.code];
}
const stream = await ask("long", { stream: true });
for await (const chunk of stream) {
  if (chunk) break; // aborts the request
}
const models = [];
for await (const model of client.models.list()) models.push(model.id);
console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    streamed,
    tool: called.choices[0].message.tool_calls[0].function.arguments,
    error,
    models,
  }),
);
