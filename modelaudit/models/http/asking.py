"""Asks a server for the images that the cassette does not hold: in requests, at a rate, within a budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Lock
from typing import Any

from ...language.errors import ModelError
from .answer_scores import scores_of
from .cassette import Ask, Cassette
from .http_client import HttpClient
from .remote_file import RemoteFields
from .request_body import SentImage, filled_body
from .secrets import Secrets

#: how far scores of one image may differ, as a share of the largest, where the server is the same
_TOLERANCE = 1e-3


class Asking:
    """The answers of one model.

    Args:
        file: of the settings; certificates are looked for beside it.
    """

    __slots__ = ("_cassette", "_client", "_control", "_earlier", "_fields", "_file", "_same", "_secrets", "_writing")

    def __init__(self, fields: RemoteFields, cassette: Cassette, file: Path) -> None:
        self._fields, self._cassette, self._file = fields, cassette, file
        self._secrets = Secrets(fields.variables(), str(file))
        self._client: HttpClient | None = None
        self._writing = Lock()
        self._earlier = frozenset(cassette.answers) if fields.deterministic else frozenset[Ask]()
        self._control: SentImage | None = None
        self._same = False

    def answers(self, images: Sequence[SentImage], time: int) -> list[tuple[float, ...]]:
        """The scores of each image.

        Args:
            time: 0, or which time the same image is asked again on purpose.

        Raises:
            ModelError: some have none: the server gives none, the budget is used up, or nothing may be asked.
        """
        known, asks = self._cassette.answers, [(image.digest, time) for image in images]
        if self._control is None:
            self._control = next((image for image in images if (image.digest, 0) in self._earlier), None)
        if any(ask not in known for ask in asks):
            if self._fields.cassette.mode == "replay":
                lost = sum(ask not in known for ask in asks)
                raise ModelError(
                    f"{self._cassette.path}: has no answer for {lost} of {len(asks)} images of this pass, and nothing "
                    "is asked (cassette mode replay); record it again with mode record, where the server is"
                )
            self._ask(dict(zip(asks, images, strict=True)))
        return [known[ask] for ask in asks]

    def _ask(self, wanted: dict[Ask, SentImage]) -> None:
        """Ask for what is still missing; nobody else asks meanwhile, so that no image is asked twice."""
        with self._cassette.locked():
            missing = [ask for ask in wanted if ask not in self._cassette.answers]
            if not missing:
                return
            if self._client is None:
                self._client = HttpClient(self._fields, self._secrets, self._file.parent)
            self._check_same_server(self._client)
            size = self._fields.batch
            requests = [missing[first : first + size] for first in range(0, len(missing), size)]
            if self._fields.concurrency == 1 or len(requests) == 1:
                for request in requests:
                    self._request(self._client, request, wanted)
                return
            with ThreadPoolExecutor(self._fields.concurrency) as threads:
                running = [threads.submit(self._request, self._client, request, wanted) for request in requests]
                try:
                    for done in as_completed(running):
                        done.result()
                finally:
                    threads.shutdown(wait=True, cancel_futures=True)

    def _request(self, client: HttpClient, asks: list[Ask], wanted: dict[Ask, SentImage]) -> None:
        scores = self._scores(client, [wanted[ask] for ask in asks])
        with self._writing:
            self._cassette.answered(asks, scores)

    def _scores(self, client: HttpClient, images: list[SentImage]) -> list[list[float]]:
        fields = self._fields

        def body() -> Any:
            return filled_body(fields.request, fields.item, images, self._secrets.filled)

        answer = client.asked(body, images[0].digest, lambda: self._take_turn(len(images)))
        classes = None if fields.classes is None else tuple(fields.classes)
        try:
            return scores_of(answer, len(images), fields.answer, classes, self._cassette.outputs)
        except ModelError as error:
            told = self._secrets.hidden(f"{fields.address}: its answer: {error}")
        del answer  # it may repeat a secret, and pytest shows the variables of a frame
        raise ModelError(f"{told}; put answer, classes or request right in {self._file.name}, or the server")

    def _take_turn(self, images: int) -> None:
        """Wait until another request may be sent, and keep that it is.

        Raises:
            ModelError: the budget is used up.
        """
        with self._writing:
            cassette, budget = self._cassette, self._fields.budget
            if budget is not None and cassette.calls >= budget:
                raise ModelError(
                    f"{self._fields.address}: the budget of {budget} requests is used up; the answers so far are on "
                    f"{cassette.path}; raise budget in {self._file.name}, and the audit goes on from there"
                )
            if self._fields.rate is not None:
                # the clock of the machine, which processes share; where it was put back nobody waits for long
                gap = 1 / self._fields.rate
                time.sleep(min(max(cassette.last_call + gap - time.time(), 0.0), gap))
            cassette.called(images)

    def _check_same_server(self, client: HttpClient) -> None:
        """Ask one image again whose answer is from an earlier run: new answers must not join those of another model.

        Raises:
            ModelError: the server answers otherwise now.
        """
        if self._control is None or self._same:
            return
        before = self._cassette.answers[self._control.digest, 0]
        (now,) = self._scores(client, [self._control])
        largest = max(map(abs, before))
        if max(abs(one - other) for one, other in zip(before, now, strict=True)) > _TOLERANCE * largest:
            raise ModelError(
                f"{self._fields.address}: answers an image otherwise now than on {self._cassette.path}, so another "
                f"model stands behind the address, or it draws random numbers; state its new version in "
                f"{self._file.name} with a cassette of its own, or deterministic: false"
            )
        self._same = True
