"""The clinic's service: a store and a durable queue, a worker that screens, a REST API; torch-free.

`app` answers requests, `worker` screens in a process of its own, and both meet in the store alone; see docs/serving.md.
"""
