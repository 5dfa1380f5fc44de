"""What an embedding model would be: texts about the same thing have the same direction, whatever their words."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOPICS = (("desert", "sand", "dune"), ("ocean", "whale", "sailor"), ("village", "wedding", "matchmaking"))


class EmbeddingServer(ThreadingHTTPServer):
    """Answers POST /v1/embeddings as OpenAI's does, in the wrong order, which `index` tells. `keys` has who asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingServer

    def do_POST(self) -> None:
        self.server.keys.append(self.headers["Authorization"])
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = [
            {
                "index": index,
                "embedding": [0.01 + sum(word in text.lower() for word in topic) for topic in TOPICS],
            }
            for index, text in enumerate(asked["input"])
        ]
        body = json.dumps({"data": found[::-1], "model": asked["model"]}).encode()
        self.send_response(200 if self.path == "/v1/embeddings" else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is about the test."""
