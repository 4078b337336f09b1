"""Ask the gateway as you ask OpenAI: only base_url and the key differ. Then say how good the answer was."""

import os

import httpx
import openai

base_url = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8600/v1")
key = os.environ.get("GATEWAY_KEY", "none")  # one of gateway.keys; on loopback none is needed
client = openai.OpenAI(base_url=base_url, api_key=key)
messages = [{"role": "user", "content": "Order 17: what is the total?"}]

answered = client.chat.completions.with_raw_response.create(
    model="auto",  # the live policy chooses
    messages=messages,
    user="u-1",
    metadata={"task": "extract"},  # with `from_request: {task: metadata.task}` in the routing file
)
reply = answered.parse()
print(reply.model, reply.choices[0].message.content)

for chunk in client.chat.completions.create(model="auto", messages=messages, stream=True):
    for choice in chunk.choices:
        print(choice.delta.content or "", end="")
print()

signal = {"request_id": answered.headers["x-request-id"], "name": "resolved", "value": 1, "source": "user"}
httpx.post(f"{base_url}/signals", json=signal, headers={"Authorization": f"Bearer {key}"}).raise_for_status()
