"""Let shadowroute decide and call, too: the same file format, with a policy file as `live`."""

import shadow

with shadow.ShadowRouter("routing/router.yaml") as router:
    messages = [{"role": "user", "content": "Order 17: what is the total?"}]
    reply = router.complete(messages=messages, session="u-1", task="extract")
    print(reply.model, reply.text)
    router.signal(reply.request_id, "resolved", 1)

    with router.stream(messages=messages, session="u-1", task="chat") as chunks:
        for chunk in chunks:
            for choice in chunk["choices"]:
                print(choice["delta"].get("content", ""), end="")
print()
