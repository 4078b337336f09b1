"""Observe a LiteLLM Router. It decides alone, as before; its choice, attempts and outcome are recorded."""

import litellm

import shadow

observer = shadow.Observer("routing/litellm.yaml")
router = observer.wrap(
    litellm.Router(
        model_list=[
            {"model_name": "chat", "litellm_params": {"model": "openai/gpt-5"}},
            {"model_name": "backup", "litellm_params": {"model": "openai/gpt-4.1"}},
        ],
        fallbacks=[{"chat": ["backup"]}],
    )
)
messages = [{"role": "user", "content": "Order 17: what is the total?"}]
metadata = {"session_id": "u-1", "task": "extract"}

reply = router.completion(model="chat", messages=messages, metadata=metadata)  # acompletion too
print(reply.choices[0].message.content)
observer.signal(reply.id, "resolved", 1)  # later, from any process

usage = {"include_usage": True}  # else LiteLLM counts the tokens of a stream by itself
chunks = router.completion(model="chat", messages=messages, metadata=metadata, stream=True, stream_options=usage)
for chunk in chunks:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="")
print()
observer.close()
