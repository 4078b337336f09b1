"""Observe a function of your own. Model and usage are read from what it returns."""

import openai

import shadow

observer = shadow.Observer("routing/shadow.yaml")
client = openai.OpenAI()


@observer.route(messages="messages", session="user_id", labels={"task": "kind"})
def answer(messages, user_id, kind):
    model = "gpt-5-mini" if kind == "extract" else "gpt-5"
    return client.chat.completions.create(model=model, messages=messages)


reply = answer([{"role": "user", "content": "Order 17: what is the total?"}], user_id="u-1", kind="extract")
print(reply.choices[0].message.content)

observer.signal(reply.id, "resolved", 1)  # later, from any process
observer.close()
