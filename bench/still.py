"""A document out of memory, with the product's files, from a server of the same kind: the least that a page can take."""

import re
import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn
from litestar import Litestar, MediaType, Response, get

from meshtrail.web.assets import FOREVER, Assets

_SCRIPTS = re.compile(rb'<script type="module"[^>]*></script>')


class Still:
    """Serves the document without its scripts, which would ask for what is not there."""

    def __init__(self, document: bytes) -> None:
        self._document = _SCRIPTS.sub(b"", document)
        self._assets = Assets()
        self.url = ""

    def __enter__(self) -> Self:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(self._app(), log_level="warning", access_log=False))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(5)

    def _app(self) -> Litestar:
        @get("/", sync_to_thread=False)
        def document() -> Response[bytes]:
            return Response(self._document, media_type=MediaType.HTML, headers={"Cache-Control": "no-store"})

        @get("/static/{digest:str}/{path:path}", sync_to_thread=False)
        def static(digest: str, path: str) -> Response[bytes]:
            asset = self._assets.files[path.lstrip("/")]
            headers = {"Cache-Control": FOREVER}
            if asset.compressed is None:
                return Response(asset.content, media_type=asset.media_type, headers=headers)
            return Response(asset.compressed, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})

        return Litestar([document, static], openapi_config=None, logging_config=None)
