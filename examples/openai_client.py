"""Observe an OpenAI client. Arguments reach OpenAI unchanged, so labels travel beside the call."""

import openai

import shadow

observer = shadow.Observer("routing/shadow.yaml")
client = observer.wrap(openai.OpenAI())  # AsyncOpenAI too
messages = [{"role": "user", "content": "Order 17: what is the total?"}]

with observer.labels(session="u-1", task="extract"):
    reply = client.chat.completions.create(model="gpt-5", messages=messages)
    print(reply.choices[0].message.content)

    usage = {"include_usage": True}  # without it the cost of a stream is unknown
    for chunk in client.chat.completions.create(model="gpt-5", messages=messages, stream=True, stream_options=usage):
        for choice in chunk.choices:
            print(choice.delta.content or "", end="")
print()
observer.close()
