"""Observe any router: report its choice before the call, and the outcome after it."""

import openai

import shadow

observer = shadow.Observer("routing/shadow.yaml")
client = openai.OpenAI()
messages = [{"role": "user", "content": "Why was I charged twice?"}]

with observer.request(messages=messages, session="u-1", task="refund") as request:
    model = "gpt-5"  # your router picks
    request.chose(model)
    reply = client.chat.completions.create(model=model, messages=messages)
    request.served(reply)  # or served(model=..., input_tokens=..., cached_input_tokens=..., output_tokens=...)

print(reply.choices[0].message.content)
observer.close()
